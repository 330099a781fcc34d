"""What the embedded servers share: a process that is started, awaited, stopped, or becomes this very process."""

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

from workers.local.exceptions import NotReady, ServerDidNotStart
from workers.local.ports import first_free, free_port
from workers.local.processes import end, launch, replace_this_process, tail
from workers.local.unprivileged import server_account

_START_SECONDS = 60.0
_ATTEMPTS = 3


class EmbeddedServer(ABC):
    """A server whose data, log and password lie below `data_dir`.

    `data_dir` must be reachable by the account that the server drops to as root (see `folders.data_home`).
    Without `port` a free one is taken; `start` moves a given port that is taken aside to the next free one.
    """

    name: ClassVar[str]
    stop_signals: ClassVar[tuple[signal.Signals, ...]]

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_port() if port is None else port
        self.log = data_dir / f"{self.name}.log"
        self._account = server_account()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the server that this object started, while it lives."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    @abstractmethod
    def url(self) -> str:
        """With the password that the platform's processes need."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Lay out the data and return the server's command line."""

    @abstractmethod
    def await_answer(self, seconds: float, *, alive: Callable[[], bool]) -> None:
        """Return when the server answers; raises NotReady."""

    def start(self, *, dies_with_parent: bool = False) -> Self:
        """Start the server and return when it answers; raises LocalStackError.

        Killed children of an earlier server may hold its memory for a moment, and a port may be taken between our
        look and the server's: hence a few attempts.
        """
        for remaining in reversed(range(_ATTEMPTS)):
            self.port = first_free(self.port)
            self._launch(dies_with_parent=dies_with_parent)
            try:
                self.await_answer(_START_SECONDS, alive=lambda: self.pid is not None)
                break
            except NotReady as error:
                self.stop()
                if not remaining:
                    raise ServerDidNotStart(f"{error}\n{tail(self.log)}") from error
        return self

    def stop(self) -> None:
        """Let the server write what is in memory and end; a second call does nothing."""
        self._end(*self.stop_signals)

    def kill(self) -> None:
        """End the server as a crash would."""
        self._end()

    def become(self) -> None:
        """Turn the present process into the server, for a supervisor; returns only by raising."""
        replace_this_process(self.prepare(), account=self._account, farewell=self.stop_signals[0])

    def _launch(self, *, dies_with_parent: bool) -> None:
        command = self.prepare()
        with self.log.open("ab") as log:
            self._process = launch(command, account=self._account, log=log, dies_with_parent=dies_with_parent)

    def _end(self, *signals: signal.Signals) -> None:
        if self._process is not None:
            end(self._process, *signals)
            self._process = None
