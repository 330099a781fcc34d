"""The only way a run changes its state: one compare-and-swap with its event, in one statement."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.core import canonical
from apps.runs.dispatch import doorbell
from apps.runs.exceptions import IllegalTransition
from apps.runs.hooks import has_listeners
from apps.runs.payload_statements import apart_parameters
from apps.runs.payloads import Content, Packed, pack
from apps.runs.statements import MOVE, MOVE_KEEPING
from apps.runs.states import SOURCES, TERMINAL, EventType, RunStatus, StopReason
from apps.runs.text import storable
from apps.runs.turns import free_next


@dataclass(frozen=True, kw_only=True)
class Move:
    """A wanted change of state. `epoch` fences it to the holder of the lease; None means by whoever may decide.

    A holder only moves a running run: one that was swept is queued under the same epoch, and no longer its. `output`
    and `messages` are JSON bytes; who must not wait while large ones are compressed has them packed already.
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
    output: bytes | Packed | None = None
    messages: bytes | Packed | None = None

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
            "output": self._packed["output"].row if self.output is not None else None,
            "messages": self._packed["conversation"].row if self.messages is not None else None,
            "terminal": terminal,
            "announce": terminal and has_listeners(),
        } | apart_parameters(self._apart)

    @property
    def statement(self) -> str:
        """What `parameters` are for."""
        return MOVE_KEEPING if self._apart else MOVE

    @cached_property
    def _packed(self) -> dict[str, Packed]:
        given = {"output": self.output, "conversation": self.messages}
        return {
            name: pack(data, name) if isinstance(data, bytes) else data
            for name, data in given.items()
            if data is not None
        }

    @property
    def _apart(self) -> list[Content]:
        return [packed.apart for packed in self._packed.values() if packed.apart is not None]

    def _allowed(self) -> frozenset[RunStatus]:
        allowed = SOURCES[self.to] if self.sources is None else self.sources & SOURCES[self.to]
        return allowed if self.epoch is None else allowed & {RunStatus.RUNNING}


def apply_move(move: Move) -> int:
    """Change the state and tell it, in the caller's transaction if there is one; the event's number.

    Raises IllegalTransition when the run is in no state that allows it, or another process holds it by now.
    """
    with connection.cursor() as cursor:
        cursor.execute(move.statement, move.parameters())
        row = cursor.fetchone()
    if row is None:
        raise IllegalTransition(f"The run {move.run_id} cannot become {move.to} now.")
    seq, next_id, left_thread = row
    if next_id is not None:
        transaction.on_commit(lambda: doorbell.ring(next_id), robust=True)
    elif left_thread is not None:
        transaction.on_commit(lambda: free_next(left_thread), robust=True)
    return int(seq)
