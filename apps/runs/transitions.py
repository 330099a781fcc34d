"""The only way a run changes its state: one compare-and-swap with its event, in one statement."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core import canonical
from apps.runs.exceptions import IllegalTransition
from apps.runs.hooks import has_listeners
from apps.runs.statements import MOVE
from apps.runs.states import SOURCES, TERMINAL, EventType, RunStatus, StopReason
from apps.runs.text import storable


@dataclass(frozen=True, kw_only=True)
class Move:
    """A wanted change of state. `epoch` fences it to the holder of the lease; None means by whoever may decide.

    A holder only moves a running run: one that was swept is queued under the same epoch, and no longer its.
    """

    run_id: UUID
    to: RunStatus
    event: EventType
    data: dict[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    sources: frozenset[RunStatus] | None = None
    reason: StopReason | None = None
    error_code: str = ""
    error_detail: str = ""
    output: bytes | None = None
    messages: bytes | None = None

    def parameters(self) -> dict[str, Any]:
        """What the MOVE statement binds. Sources outside the state machine are an error in the caller."""
        terminal = self.to in TERMINAL
        return {
            "run": self.run_id,
            "to": self.to.value,
            "type": self.event.value,
            "data": canonical.dump(self.data),
            "epoch": self.epoch,
            "sources": [source.value for source in self._allowed()],
            "reason": self.reason.value if self.reason else "",
            "error_code": self.error_code[:60],
            "error_detail": storable(self.error_detail),
            "output": self.output,
            "messages": self.messages,
            "terminal": terminal,
            "announce": terminal and has_listeners(),
        }

    def _allowed(self) -> frozenset[RunStatus]:
        allowed = SOURCES[self.to] if self.sources is None else self.sources & SOURCES[self.to]
        return allowed if self.epoch is None else allowed & {RunStatus.RUNNING}


def apply_move(move: Move) -> int:
    """Change the state and tell it, in the caller's transaction if there is one; the event's number.

    Raises IllegalTransition when the run is in no state that allows it, or another process holds it by now.
    """
    with connection.cursor() as cursor:
        cursor.execute(MOVE, move.parameters())
        row = cursor.fetchone()
    if row is None:
        raise IllegalTransition(f"The run {move.run_id} cannot become {move.to} now.")
    return int(row[0])
