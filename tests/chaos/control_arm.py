"""The control arm's processes: plain Celery workers on Redis, in the same world."""

import asyncio
from collections.abc import Mapping, Sequence
from subprocess import Popen
from typing import ClassVar, Final

import psycopg
from kombu.exceptions import OperationalError

from tests.chaos.arm import Arm
from tests.chaos.broker import Switchboard
from tests.chaos.cases import Case
from tests.chaos.control import TABLE

_SLOTS: Final = 50


class ControlArm(Arm):
    """What most people have."""

    name: ClassVar[str] = "control"
    canary: ClassVar[str] = "control.canary"

    def prepare(self) -> None:
        self.board = Switchboard(lambda: self.stack.valkey.url, prefix="control:", queue="control")
        with psycopg.connect(self.stack.postgres.owner_url, autocommit=True) as link:
            link.execute(TABLE)
            link.execute("GRANT ALL ON control_result, control_result_id_seq TO cef_app")

    def start_worker(self, name: str, variables: Mapping[str, str]) -> "Popen[bytes]":
        flags = ("-Q", "control", "-n", f"{name}@%h", "-P", "threads", "-c", str(_SLOTS), "--loglevel", "INFO")
        env = {**self.stack.linked(name), **variables}
        return self.stack.spawn(name, "celery", "-A", "tests.chaos.control", "worker", *flags, env=env)

    async def submit(self, case: Case, thread: str | None) -> str | None:
        try:
            return await asyncio.to_thread(self.board.send, "control.run", case.text)
        except (OperationalError, OSError) as error:
            self.ledger.write(kind="unanswered", path="send_task", error=type(error).__name__)
            return None

    async def cancel(self, run: str) -> None:
        """Celery's revoke is no part of the comparison."""

    def done(self, runs: Sequence[str]) -> set[str]:
        return {str(row[0]) for row in self.query("SELECT task::text FROM control_result")} & set(runs)
