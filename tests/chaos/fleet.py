"""The worker processes of an arm: killed, frozen, armed with failpoints, and started again as a supervisor would."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from tests.chaos.ledger import Ledger

Start = Callable[[str, Mapping[str, str]], "subprocess.Popen[bytes]"]

RESTART_S = 0.5


@dataclass(slots=True)
class Member:
    """One place in the fleet; its process changes, `variables` are those of the next one."""

    process: "subprocess.Popen[bytes]"
    start: Start
    gone_at: float | None = None
    armed: bool = False
    variables: dict[str, str] = field(default_factory=dict)


class Fleet:
    """Deaths are written to the ledger at the moment at which they are seen, by a thread for each process.

    `tend` must be called often, from the thread that started the fleet: processes end with the thread that made them.
    """

    def __init__(self, ledger: Ledger, thaw_after_s: float) -> None:
        self._ledger, self._thaw_after_s = ledger, thaw_after_s
        self._members: dict[str, Member] = {}
        self._frozen: dict[int, float] = {}
        self._closing = False

    def add(self, name: str, start: Start) -> None:
        """Start a process that is kept alive."""
        self._members[name] = Member(start(name, {}), start)
        self._watch(name)

    @property
    def names(self) -> list[str]:
        """All places."""
        return list(self._members)

    def pid(self, name: str) -> int | None:
        """Of the process in this place, while it lives."""
        member = self._members[name]
        return None if member.gone_at is not None else member.process.pid

    def prepare(self, name: str, variables: Mapping[str, str]) -> None:
        """Variables of the next process in this place, and of no later one."""
        self._members[name].variables = dict(variables)

    def kill(self, name: str) -> bool:
        """SIGKILL; whether there was a process to kill."""
        return self._signal(name, signal.SIGKILL)

    def terminate(self, name: str) -> bool:
        """SIGTERM: the process leaves in order."""
        return self._signal(name, signal.SIGTERM)

    def freeze(self, name: str) -> bool:
        """SIGSTOP; `tend` lets the process go on after the fleet's `thaw_after_s`."""
        frozen = self._signal(name, signal.SIGSTOP)
        if frozen:
            self._frozen[self._members[name].process.pid] = time.monotonic() + self._thaw_after_s
        return frozen

    def thaw_all(self) -> None:
        """Let every frozen process go on at once."""
        self._frozen = dict.fromkeys(self._frozen, 0.0)
        self.tend()

    def disarm(self) -> None:
        """Replace the processes that were started with variables of their own by plain ones."""
        for name, member in self._members.items():
            member.variables = {}
            if member.armed:
                self.kill(name)

    def tend(self) -> None:
        """Start what has died; continue what has been frozen, by us or by itself, for long enough."""
        now = time.monotonic()
        for name, member in self._members.items():
            if member.gone_at is None:
                self._notice_frozen(name, member.process.pid)
            elif now - member.gone_at > RESTART_S and not self._closing:
                self._restart(name, member)
        for pid, until in list(self._frozen.items()):
            if now >= until:
                del self._frozen[pid]
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                self._ledger.write(kind="thaw", pid=pid)

    def close(self) -> None:
        """Start nothing any more."""
        self._closing = True

    def _restart(self, name: str, member: Member) -> None:
        variables, member.variables = member.variables, {}
        member.process, member.armed, member.gone_at = member.start(name, variables), bool(variables), None
        self._watch(name)

    def _notice_frozen(self, name: str, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):
            if pid not in self._frozen and psutil.Process(pid).status() == psutil.STATUS_STOPPED:
                self._frozen[pid] = time.monotonic() + self._thaw_after_s
                self._ledger.write(kind="freeze", name=name, pid=pid, by="failpoint")

    def _signal(self, name: str, number: signal.Signals) -> bool:
        member = self._members[name]
        if member.gone_at is not None or member.process.poll() is not None:
            return False
        member.process.send_signal(number)
        return True

    def _watch(self, name: str) -> None:
        threading.Thread(target=self._await, args=(name, self._members[name]), daemon=True).start()

    def _await(self, name: str, member: Member) -> None:
        process = member.process
        code = process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # children that a killed server leaves
        if not self._closing:
            self._ledger.write(kind="death", name=name, pid=process.pid, code=code)
        self._frozen.pop(process.pid, None)
        member.gone_at = time.monotonic()
