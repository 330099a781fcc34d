"""What an arm is: processes that do cases, a way to hand them one, and a way to ask what is done."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from subprocess import Popen
from typing import ClassVar

import psycopg

from tests.chaos.broker import Switchboard
from tests.chaos.cases import Case
from tests.chaos.fleet import Fleet
from tests.chaos.ledger import Ledger
from tests.chaos.loop import BackgroundLoop
from tests.chaos.options import Options
from tests.chaos.stack import ChaosStack


class Arm(ABC):
    """Started by `start`; then its fleet works until `stop`."""

    name: ClassVar[str]
    canary: ClassVar[str]
    board: Switchboard

    def __init__(self, options: Options, background: BackgroundLoop) -> None:
        self.options, self.background = options, background
        self.stack = ChaosStack(background, options.seed, options.settings)
        self.ledger = Ledger(self.stack.ledgers / "harness.jsonl")
        self.accepted = Ledger(self.stack.ledgers / "accepted.jsonl")
        self.fleet = Fleet(self.ledger, thaw_after_s=3 * options.lease_s)

    def start(self) -> None:
        """Servers, then processes."""
        self.stack.postgres.start(dies_with_parent=True)
        self.stack.valkey.start(dies_with_parent=True)
        self.stack.start_fake()
        self.prepare()
        for name in self.workers:
            self.fleet.add(name, self.start_worker)

    def stop(self) -> None:
        """End everything and remove the folder."""
        self.fleet.close()
        self.stack.stop()

    @property
    def workers(self) -> list[str]:
        """The places of the processes that take cases."""
        return [f"runs{n}" for n in range(self.options.workers)]

    @abstractmethod
    def prepare(self) -> None:
        """Tables and rows, and processes that are no workers."""

    @abstractmethod
    def start_worker(self, name: str, variables: Mapping[str, str]) -> "Popen[bytes]":
        """A worker that reaches its servers through proxies of its own."""

    @abstractmethod
    async def submit(self, case: Case, thread: str | None) -> str | None:
        """The id under which the case was accepted; None when it was not, as far as the client was told."""

    async def new_thread(self) -> str | None:
        """A conversation to put runs into, where an arm has such."""
        return None

    @abstractmethod
    async def cancel(self, run: str) -> None:
        """Ask for a cancel, until that was heard or the run is over."""

    @abstractmethod
    def done(self, runs: Sequence[str]) -> set[str]:
        """Those that are over, or wait for a person."""

    def unfinished(self) -> int:
        """How many runs are not over, as far as an arm can know."""
        return 0

    async def decide(self) -> None:
        """What a person does about runs that wait for one; some arms have none."""
        return

    def duplicate(self, times: int) -> int:
        """Have each message that is under way delivered so many times more; how many copies were sent."""
        return self.board.duplicate(times)

    def query(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Rows, read past all proxies. Raises psycopg.OperationalError when the server is away."""
        with psycopg.connect(self.stack.postgres.owner_url, connect_timeout=3, autocommit=True) as link:
            return link.execute(statement, parameters).fetchall()  # type: ignore[arg-type]
