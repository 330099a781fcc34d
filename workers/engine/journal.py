"""A run's journal: what was recorded is returned, what was not is recorded once, under the fence of the lease."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from typing import Any, Final, Protocol
from uuid import UUID

from psycopg.errors import UniqueViolation

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.budget_statements import SETTLED
from apps.runs.payload_statements import KEPT_BY_STEP, SNAPSHOT, apart_parameters
from apps.runs.payloads import Content, Packed, compressed
from apps.runs.statements import (
    ALREADY_RECORDED,
    BEGIN_STEP,
    EFFECT_SETTLED,
    INTEND,
    KEEP_LATE,
    RECALL,
    STOPPING,
    recording,
)
from apps.runs.states import EffectState, StepKind
from apps.runs.text import storable
from workers.engine.database import AWAY, EnginePool, fetch_all, fetch_one, insist
from workers.engine.payloads import opened, packed
from workers.engine.snapshots import SNAPSHOTS, Restart, Stretch, read_restart
from workers.engine.stops import CancelSeen, LeaseLost, OutcomeUnknown, ReplayMismatch
from workers.engine.units import Unit

logger = logging.getLogger(__name__)

RECORDED: Final = """
SELECT key, digest, result, kind FROM runs_step WHERE run_id = %(run)s AND n > %(after)s ORDER BY n"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A step as an earlier execution left it."""

    key: str
    digest: bytes
    result: bytes
    kind: str

    @property
    def run_step(self) -> int:
        return int(self.key.partition("/")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a unit's execution brought, to be recorded in one statement."""

    result: bytes
    seconds: float
    event: dict[str, Any]
    manifest: bytes | None = None
    first_token_ms: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    effect: EffectState | None = None
    checked: bool = False
    error_code: str = ""
    reservations: tuple[UUID, ...] = ()
    stretch: Stretch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where the recorded step landed, whether somebody wants the run to stop, and whether there is a monthly budget."""

    n: int
    event_seq: int
    cancel_requested: bool
    budgeted: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier executions of a run left: where it can go on, and the steps recorded after that, in their order."""

    restart: Restart | None = None
    recorded: Sequence[Recorded] = ()


NO_PAST: Final = Past()


class Store(Protocol):
    """Where a journal lives."""

    async def past(self, run_id: UUID) -> Past: ...

    async def record(self, run_id: UUID, epoch: int, unit: Unit, outcome: Outcome) -> Receipt:
        """Raises LeaseLost when the run is no longer this epoch's."""
        ...

    async def recall(self, run_id: UUID, key: str) -> bytes | None:
        """The result that a tool left in the effect ledger with its own writes, as JSON bytes."""
        ...

    async def intend(self, run_id: UUID, epoch: int, unit: Unit, *, again: bool = False) -> None:
        """Commit that an unsafe tool is about to be called.

        Raises OutcomeUnknown when that was done before, and neither a person nor (`again`) the tool's own check has
        found that the call had no effect.
        """
        ...

    async def begin(self, run_id: UUID, epoch: int, unit: Unit) -> int:
        """Tell that the unit is about to be executed; the event's number. Raises LeaseLost."""
        ...

    def keep_late(self, run_id: UUID, epoch: int, key: str, payload: bytes) -> None:
        """Keep what an unsafe call brought after the run was lost; in the background, as well as it can."""
        ...


class PostgresStore:
    """The journal's rows; two round trips to read them, one for each that is added."""

    def __init__(self, pool: EnginePool) -> None:
        self._pool = pool
        self._late: set[asyncio.Task[None]] = set()

    async def past(self, run_id: UUID) -> Past:
        rows = await insist(lambda: fetch_all(self._pool, SNAPSHOTS, {"run": run_id}))
        restart = read_restart(rows, await opened(self._pool, run_id, [row["data"] for row in rows]), str(run_id))
        return Past(restart, await self._recorded(run_id, after=restart.n if restart else 0))

    async def _recorded(self, run_id: UUID, *, after: int) -> Sequence[Recorded]:
        rows = await insist(lambda: fetch_all(self._pool, RECORDED, {"run": run_id, "after": after}))
        results = await opened(self._pool, run_id, [row["result"] for row in rows])
        return [Recorded(**row | {"result": result}) for row, result in zip(rows, results, strict=True)]

    async def record(self, run_id: UUID, epoch: int, unit: Unit, outcome: Outcome) -> Receipt:
        payloads = await _payloads(unit, outcome)
        parameters = _parameters(run_id, epoch, unit, outcome) | payloads.parameters()
        statement = recording(*_parts(outcome, payloads))
        try:
            row = await insist(lambda: fetch_one(self._pool, statement, parameters))
        except UniqueViolation:
            # The connection broke after the commit and before the answer; the step is there.
            row = await insist(lambda: fetch_one(self._pool, ALREADY_RECORDED, parameters))
        if row is None:
            raise LeaseLost("Another process took the run over.")
        return Receipt(
            n=row["step_count"],
            event_seq=row["event_seq"],
            cancel_requested=row["cancel_requested"],
            budgeted=row["budgeted"],
        )

    async def recall(self, run_id: UUID, key: str) -> bytes | None:
        row = await insist(lambda: fetch_one(self._pool, RECALL, {"run": run_id, "key": key}))
        return None if row is None else (await opened(self._pool, run_id, [row["result"]]))[0]

    async def intend(self, run_id: UUID, epoch: int, unit: Unit, *, again: bool = False) -> None:
        # The same id in every try: an intent whose commit was not answered is recognised as this one.
        parameters = _intent(run_id, epoch, unit) | {"again": again}
        row = await insist(lambda: fetch_one(self._pool, INTEND, parameters))
        if row is None or not row["held"]:
            raise CancelSeen if await self._is_stopping(run_id, epoch) else LeaseLost("Another process took the run.")
        if not row["inserted"]:
            raise OutcomeUnknown(f"The tool {unit.name} was started before and its outcome was not recorded.")

    async def _is_stopping(self, run_id: UUID, epoch: int) -> bool:
        return await insist(lambda: fetch_one(self._pool, STOPPING, {"run": run_id, "epoch": epoch})) is not None

    async def begin(self, run_id: UUID, epoch: int, unit: Unit) -> int:
        told = {"kind": unit.kind.value, "name": storable(unit.name)[:200]}
        row = {"run": run_id, "epoch": epoch, "data": canonical.dump(told)}
        answer = await insist(lambda: fetch_one(self._pool, BEGIN_STEP, row))
        if answer is None:
            raise LeaseLost("Another process took the run over.")
        return int(answer["event_seq"])

    def keep_late(self, run_id: UUID, epoch: int, key: str, payload: bytes) -> None:
        # Not in the slice's own task, which is being cancelled.
        row = {"run": run_id, "epoch": epoch, "key": key, "payload": compressed(payload, "late result")}
        task = asyncio.get_running_loop().create_task(self._keep_late(row))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _keep_late(self, row: dict[str, Any]) -> None:
        try:
            await insist(lambda: fetch_one(self._pool, KEEP_LATE, row))
        except AWAY as error:
            logger.warning("A late result is lost.", extra={"error": str(error)})


class Journal:
    """What one execution of a run sees: finds recorded units, refuses a replay that strays.

    `recorded` are its steps from the one after `after` on.
    """

    def __init__(
        self, store: Store, run_id: UUID, epoch: int, recorded: Sequence[Recorded] = (), after: int = 0
    ) -> None:
        self._store, self._run_id, self._epoch, self._after = store, run_id, epoch, after
        self._order = [step.run_step for step in recorded]
        self._recorded = {step.key: step for step in recorded}
        self._last_tool = max((step.run_step for step in recorded if step.kind == StepKind.TOOL), default=-1)
        self._last_step = max((step.run_step for step in recorded), default=-1)

    def find(self, unit: Unit) -> Recorded | None:
        """The recorded step of this unit. Raises ReplayMismatch when the journal and the code have parted."""
        step = self._recorded.get(unit.key)
        if step is None:
            self._require_end(unit)
            return None
        if bytes(step.digest) != unit.digest:
            raise ReplayMismatch(f"The recorded step {unit.key} was asked something else.")
        return step

    async def record(self, unit: Unit, outcome: Outcome) -> Receipt:
        """Record the unit's outcome once; see Store.record."""
        receipt = await self._store.record(self._run_id, self._epoch, unit, outcome)
        self._order.append(unit.run_step)
        return receipt

    def behind(self, unit: Unit) -> int:
        """The number of the last step recorded before the unit's step of the loop began.

        A unit outside of the loop's steps is found by counting all of its name from the beginning on. With one of those
        the run goes on counting from here, which is to say that no snapshot makes earlier steps needless.
        """
        if 0 in self._order:
            return self._after
        beside = takewhile(lambda run_step: run_step >= unit.run_step, reversed(self._order))
        return self._after + len(self._order) - sum(1 for _ in beside)

    async def recall(self, unit: Unit) -> bytes | None:
        """What the tool left in the effect ledger before an earlier execution died; see Store.recall."""
        return await self._store.recall(self._run_id, unit.key)

    async def intend(self, unit: Unit, *, again: bool = False) -> None:
        """Commit the intent of an unsafe call; see Store.intend."""
        await self._store.intend(self._run_id, self._epoch, unit, again=again)

    async def begin(self, unit: Unit) -> int:
        """Tell that the unit is about to be executed; see Store.begin."""
        return await self._store.begin(self._run_id, self._epoch, unit)

    def keep_late(self, unit: Unit, payload: bytes) -> None:
        """Keep the result of a call whose run was lost; see Store.keep_late."""
        self._store.keep_late(self._run_id, self._epoch, unit.key, payload)

    def _require_end(self, unit: Unit) -> None:
        """An unrecorded unit before recorded ones means that the agent's code or configuration has changed."""
        # A tool may be missing beside recorded tools of its own step, for they ran at the same time; the model's answer
        # that called them may not.
        behind = unit.run_step < self._last_step
        if behind or (unit.kind == StepKind.MODEL and unit.run_step <= self._last_tool):
            raise ReplayMismatch(f"The journal has no {unit.key}, and has later steps.")


@dataclass(frozen=True, slots=True)
class _Payloads:
    """What a step's row holds besides its figures, by column, and `snapshot_data` of the row beside it."""

    packed: dict[str, Packed | None]

    @property
    def apart(self) -> list[Content]:
        return [each.apart for each in self.packed.values() if each is not None and each.apart is not None]

    def parameters(self) -> dict[str, Any]:
        rows = {column: None if each is None else each.row for column, each in self.packed.items()}
        return rows | apart_parameters(self.apart)


async def _payloads(unit: Unit, outcome: Outcome) -> _Payloads:
    """Raises PayloadTooLarge above 50 MiB each."""
    request = None if unit.arguments is None else canonical.dump(unit.arguments)
    data = {"request": request, "result": outcome.result, "manifest": outcome.manifest}
    if outcome.stretch is not None:
        data["snapshot_data"] = outcome.stretch.data
    return _Payloads({column: None if each is None else await packed(each, column) for column, each in data.items()})


def _parts(outcome: Outcome, payloads: _Payloads) -> list[str]:
    parts = {
        EFFECT_SETTLED: outcome.effect is not None,
        SETTLED: bool(outcome.reservations),
        KEPT_BY_STEP: bool(payloads.apart),
        SNAPSHOT: outcome.stretch is not None,
    }
    return [part for part, wanted in parts.items() if wanted]


def _intent(run_id: UUID, epoch: int, unit: Unit) -> dict[str, Any]:
    return {
        "id": new_id(),
        "run": run_id,
        "epoch": epoch,
        "key": unit.key,
        "tool": unit.name[:200],
        "digest": unit.digest,
        "arguments": None if unit.arguments is None else compressed(canonical.dump(unit.arguments), "arguments"),
    }


def _parameters(run_id: UUID, epoch: int, unit: Unit, outcome: Outcome) -> dict[str, Any]:
    return {
        "run": run_id,
        "epoch": epoch,
        "key": unit.key,
        "kind": unit.kind.value,
        "name": unit.name[:200],
        "tool_call_id": unit.tool_call_id,
        "digest": unit.digest,
        "error_code": outcome.error_code[:60],
        "effect": outcome.effect.value if outcome.effect else None,
        "checked": outcome.checked,
        "seconds": outcome.seconds,
        "first_token_ms": outcome.first_token_ms,
        "model_calls": 1 if unit.kind == StepKind.MODEL else 0,
        "input_tokens": outcome.input_tokens,
        "output_tokens": outcome.output_tokens,
        "cost_usd": outcome.cost_usd,
        "event": canonical.dump(outcome.event),
        "reservations": list(outcome.reservations),
        "snapshot_n": outcome.stretch.n if outcome.stretch else None,
        "snapshot_run_step": outcome.stretch.run_step if outcome.stretch else None,
        "snapshot_model_calls": outcome.stretch.model_calls if outcome.stretch else None,
    }
