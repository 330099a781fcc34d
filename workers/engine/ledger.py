"""The effect ledger from inside a tool: its result commits together with what it writes through our database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from pydantic import JsonValue

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.payload_statements import apart_parameters
from apps.runs.payloads import compressed, pack
from apps.runs.statements import KEEP_LATE, SETTLE, SETTLE_KEEPING, STOPPING
from apps.tools.exceptions import ToolFailed
from workers.engine.stops import CancelSeen, LeaseLost
from workers.engine.units import Unit


@dataclass(frozen=True, slots=True)
class DatabaseLedger:
    """The ledger line of one tool call, written on the connection and in the transaction of the tool.

    `note` is told why the call has no result. `holds` says whether the run is surely still this process's.
    """

    run_id: UUID
    epoch: int
    unit: Unit
    note: Callable[[ToolFailed], None]
    holds: Callable[[], bool]

    def begin(self) -> None:
        """Raises LeaseLost when the lease has ended since the intent: this process was stopped, and has just come back.

        Elsewhere the call may have been found not to have happened, and be made.
        """
        if not self.holds():
            raise LeaseLost("The lease ended before the call began.")

    def record(self, result: JsonValue) -> None:
        """Store the result.

        Raises LeaseLost when the run was taken over, CancelSeen when it is to stop, and PayloadTooLarge above 50 MiB;
        all of them roll the tool's transaction back.
        """
        packed = pack(canonical.dump(result), "result")
        line = {"id": new_id(), "tool": self.unit.name[:200], "digest": self.unit.digest, "result": packed.row}
        statement, apart = (SETTLE_KEEPING, [packed.apart]) if packed.apart else (SETTLE, [])
        if not _execute(statement, self._place | line | apart_parameters(apart)):
            raise CancelSeen if _execute(STOPPING, self._place) else LeaseLost("Another process took the run over.")

    def late(self, result: JsonValue) -> None:
        """Keep what the call brought after its run had left this process."""
        _execute(KEEP_LATE, self._place | {"payload": compressed(canonical.dump(returned(result)), "late result")})

    def failed(self, error: ToolFailed) -> None:
        """Tell why the call has no result, for its step and its line."""
        self.note(error)

    @property
    def _place(self) -> dict[str, Any]:
        return {"run": self.run_id, "epoch": self.epoch, "key": self.unit.key}


def returned(result: Any) -> dict[str, Any]:
    """A tool's result as pydantic-ai records it."""
    looks_like_one = isinstance(result, dict) and result.get("kind") == "tool-return"
    return {"result": result, "kind": "tool_content_result" if looks_like_one else "tool_return"}


def _execute(statement: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a row was written."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return bool(cursor.rowcount)
