"""The move of a running run that begins to wait."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from apps.core import canonical
from apps.runs.payload_statements import apart_parameters
from apps.runs.payloads import Content, Packed, pack
from apps.runs.states import EventType, RunStatus, WaitKind, WaitState
from apps.runs.text import storable
from apps.runs.transitions import Move
from apps.runs.wait_statements import OPEN_WAITS, OPEN_WAITS_KEEPING
from apps.runs.waiting import Asked, event_token, token_digest


@dataclass(frozen=True, kw_only=True)
class Suspension(Move):
    """To `waiting`, with the waits that are opened; to `queued` when all of them have ended before they began.

    Written within a transaction that starts the children, when there are such.
    """

    asked: tuple[Asked, ...] = ()

    @property
    def starts_children(self) -> bool:
        """Whether runs are to be created with it."""
        return any(asked.child is not None and asked.result is None for asked in self.asked)

    @property
    def statement(self) -> str:
        return OPEN_WAITS_KEEPING if self._apart else OPEN_WAITS

    def parameters(self) -> dict[str, Any]:
        """What the statement binds. Packs the calls' arguments: large ones take their time."""
        columns = [_columns(asked, arguments) for asked, arguments in zip(self.asked, self._arguments, strict=True)]
        names = _columns(_SAMPLE, Packed(b""))
        return (
            {name: [column[name] for column in columns] for name in names}
            | {
                "run": self.run_id,
                "epoch": self.epoch,
                "to": self.to.value,
                "type": self.event.value,
                "data": canonical.dump({"cause": "waits", "kinds": sorted({asked.kind.value for asked in self.asked})}),
            }
            | apart_parameters(self._apart)
        )

    @cached_property
    def _arguments(self) -> list[Packed]:
        return [pack(canonical.dump(asked.arguments), "arguments") for asked in self.asked]

    @property
    def _apart(self) -> list[Content]:
        return [packed.apart for packed in self._arguments if packed.apart is not None]


def suspension(run_id: UUID, epoch: int, asked: tuple[Asked, ...]) -> Suspension:
    """The move of a run that asks for this; without new waits it waits for those that are open."""
    waits = not asked or any(item.result is None for item in asked)
    return Suspension(
        run_id=run_id,
        epoch=epoch,
        to=RunStatus.WAITING if waits else RunStatus.QUEUED,
        event=EventType.WAITING if waits else EventType.RELEASED,
        asked=asked,
    )


def _columns(asked: Asked, arguments: Packed) -> dict[str, Any]:
    token = token_digest(event_token(asked.id)) if asked.kind == WaitKind.EVENT else None
    return {
        "ids": asked.id,
        "kinds": asked.kind.value,
        "states": WaitState.OPEN.value if asked.result is None else WaitState.RESOLVED.value,
        "steps": asked.run_step,
        "calls": asked.tool_call_id,
        "tools": asked.tool[:200],
        "prompts": storable(asked.prompt),
        "arguments": arguments.row,
        "digests": asked.digest,
        "schemas": None if asked.answer_schema is None else canonical.canonical_bytes(asked.answer_schema).decode(),
        "results": None if asked.result is None else asked.result.stored(),
        "assignees": asked.assignee,
        "roles": asked.role,
        "needed": asked.needed,
        "services": asked.services,
        "due_seconds": asked.due_seconds,
        "due_at": asked.due_at,
        "on_due": asked.on_due.value,
        "escalate_roles": asked.escalate_role,
        "tokens": token,
        "children": asked.child_id,
        "events": canonical.dump(_told(asked)),
    }


def _told(asked: Asked) -> dict[str, Any]:
    told = {"wait": str(asked.id), "kind": asked.kind.value, "tool": asked.tool, "tool_call_id": asked.tool_call_id}
    return told | ({"child": str(asked.child_id)} if asked.child_id else {})


_SAMPLE = Asked(kind=WaitKind.TIMER, run_step=0, tool_call_id="", tool="", arguments={})
