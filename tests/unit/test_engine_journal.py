"""The journal: recorded units are returned, a replay that strays is refused."""

import uuid
from collections.abc import Sequence

import pytest

from apps.core import canonical
from apps.runs.states import StepKind
from workers.engine.journal import Journal, Outcome, Receipt, Recorded
from workers.engine.stops import ReplayMismatch
from workers.engine.units import Unit

RUN = uuid.UUID("01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10")


class MemoryStore:
    """A store without a database, that remembers what was asked of it."""

    def __init__(self) -> None:
        self.recorded_units: list[tuple[int, Unit, Outcome]] = []

    async def recorded(self, run_id: uuid.UUID) -> Sequence[Recorded]:
        return []

    async def record(self, run_id: uuid.UUID, epoch: int, unit: Unit, outcome: Outcome) -> Receipt:
        self.recorded_units.append((epoch, unit, outcome))
        return Receipt(n=len(self.recorded_units), event_seq=1, cancel_requested=False)

    async def recall(self, run_id: uuid.UUID, key: str) -> bytes | None:
        return None

    async def intend(self, run_id: uuid.UUID, epoch: int, unit: Unit) -> None: ...


def model(step: int, ordinal: int = 0, asked: str = "hello") -> Unit:
    return Unit(f"{step}/agent__model.request/{ordinal}", StepKind.MODEL, "m", step, canonical.digest(asked))


def tool(step: int, call: str) -> Unit:
    key = f"{step}/tool:note/{call}"
    return Unit(key, StepKind.TOOL, "note", step, canonical.digest(call), tool_call_id=call)


def recorded(unit: Unit, result: object = "done") -> Recorded:
    return Recorded(key=unit.key, digest=unit.digest, result=canonical.dump(result), kind=unit.kind.value)


def journal(*steps: Recorded) -> Journal:
    return Journal(MemoryStore(), RUN, epoch=2, recorded=steps)


def test_it_works() -> None:
    found = journal(recorded(model(1), "the answer")).find(model(1))
    assert found is not None
    assert canonical.load(found.result) == "the answer"


def test_what_comes_after_the_recorded_steps_is_new() -> None:
    replay = journal(recorded(model(1)), recorded(tool(1, "a")))
    assert replay.find(model(2)) is None


def test_a_tool_may_be_missing_beside_its_recorded_siblings() -> None:
    replay = journal(recorded(model(1)), recorded(tool(1, "b")))
    assert replay.find(tool(1, "a")) is None
    assert replay.find(tool(1, "b")) is not None


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ([model(1), tool(1, "a"), model(2)], tool(1, "z")),
        ([model(1), tool(1, "a")], model(1, ordinal=1)),
        ([model(2)], model(1)),
    ],
)
def test_an_unrecorded_unit_before_recorded_ones_is_a_mismatch(steps: list[Unit], asked: Unit) -> None:
    with pytest.raises(ReplayMismatch, match="later steps"):
        journal(*map(recorded, steps)).find(asked)


def test_another_request_under_the_same_key_is_a_mismatch() -> None:
    with pytest.raises(ReplayMismatch, match="asked something else"):
        journal(recorded(model(1, asked="hello"))).find(model(1, asked="goodbye"))
