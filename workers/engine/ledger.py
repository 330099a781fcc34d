"""The effect ledger from inside a tool: its result commits together with what it writes through our database."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from pydantic import JsonValue

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.statements import SETTLE
from workers.engine.stops import LeaseLost
from workers.engine.units import Unit


@dataclass(frozen=True, slots=True)
class DatabaseLedger:
    """The ledger line of one tool call, written on the connection and in the transaction of the tool."""

    run_id: UUID
    epoch: int
    unit: Unit

    def record(self, result: JsonValue) -> None:
        """Store the result. Raises LeaseLost, which rolls the tool's transaction back, when the run was taken over."""
        with connection.cursor() as cursor:
            cursor.execute(
                SETTLE,
                {
                    "id": new_id(),
                    "run": self.run_id,
                    "epoch": self.epoch,
                    "key": self.unit.key,
                    "tool": self.unit.name[:200],
                    "digest": self.unit.digest,
                    "result": canonical.dump(result),
                },
            )
            if cursor.fetchone() is None:
                raise LeaseLost("Another process took the run over.")
