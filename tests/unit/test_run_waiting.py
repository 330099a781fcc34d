"""What a run waits for and how it ends, as rows keep it."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import pytest

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.states import EventType, RunStatus, WaitKind
from apps.runs.suspension import suspension
from apps.runs.waiting import (
    Asked,
    Ending,
    Result,
    call_digest,
    denied,
    event_token,
    failed,
    known_token,
    returned,
    token_digest,
)
from apps.tools.deferral import ChildRun

RUN = UUID(int=7)


def asked(**fields) -> Asked:
    given = {"kind": WaitKind.APPROVAL, "run_step": 3, "tool_call_id": "c0", "tool": "pay", "arguments": {"amount": 7}}
    return Asked(**given | fields)


class TestResults:
    @pytest.mark.parametrize(
        "result",
        [
            returned({"x": 1}),
            returned(None),
            returned(""),
            returned(0),
            returned(2**100),
            returned("a\x00b\ud800"),
            denied("No."),
            failed("Too late."),
            Result(ending=Ending.APPROVED),
            Result(ending=Ending.APPROVED, arguments={}),
            Result(ending=Ending.APPROVED, arguments={"amount": 1}),
        ],
    )
    def test_a_row_reads_back_as_it_was(self, result):
        assert Result.of(result.stored()) == result

    def test_what_is_not_said_is_not_stored(self):
        assert canonical.load(denied("No.").stored()) == {"ending": "denied", "value": None, "message": "No."}


class TestDigests:
    def test_it_names_the_tool_and_the_arguments(self):
        assert asked().digest == canonical.digest(["pay", {"amount": 7}])
        assert asked(arguments={"amount": 8}).digest != asked().digest
        assert asked(tool="mail").digest != asked().digest

    def test_the_order_of_arguments_does_not_matter(self):
        assert call_digest("pay", {"a": 1, "b": 2}) == call_digest("pay", {"b": 2, "a": 1})


class TestTokens:
    def test_one_for_each_wait(self):
        first, second = new_id(), new_id()
        assert event_token(first) == event_token(first)
        assert event_token(first) != event_token(second)
        assert event_token(first).startswith("evt_")
        assert len(event_token(first)) == 47

    def test_only_its_digest_tells_it(self):
        wait_id = new_id()
        digest = token_digest(event_token(wait_id))
        assert digest == hashlib.sha256(event_token(wait_id).encode()).digest()
        assert known_token(wait_id, digest) == event_token(wait_id)
        assert known_token(new_id(), digest) is None


class TestSuspension:
    def test_it_works(self):
        move = suspension(RUN, 4, (asked(),))
        assert (move.to, move.event, move.epoch) == (RunStatus.WAITING, EventType.WAITING, 4)
        bound = move.parameters()
        assert (bound["run"], bound["epoch"], bound["to"], bound["type"]) == (RUN, 4, "waiting", "run.waiting")
        assert (bound["kinds"], bound["states"], bound["steps"], bound["calls"]) == (
            ["approval"],
            ["open"],
            [3],
            ["c0"],
        )
        assert (bound["tokens"], bound["children"], bound["results"]) == ([None], [None], [None])
        assert canonical.load(bound["data"]) == {"cause": "waits", "kinds": ["approval"]}

    def test_what_has_ended_before_it_began_makes_the_run_runnable(self):
        ended = asked(kind=WaitKind.CHILD, result=failed("No such agent."))
        assert suspension(RUN, 1, (ended,)).to == RunStatus.QUEUED
        assert suspension(RUN, 1, (ended, asked())).to == RunStatus.WAITING
        assert suspension(RUN, 1, (ended,)).parameters()["states"] == ["resolved"]

    def test_without_new_waits_it_waits_for_those_that_are_open(self):
        move = suspension(RUN, 1, ())
        assert (move.to, move.parameters()["ids"]) == (RunStatus.WAITING, [])

    def test_only_children_need_a_transaction(self):
        child = asked(kind=WaitKind.CHILD, child=ChildRun(agent="helper", input="x"))
        assert suspension(RUN, 1, (asked(), child)).starts_children
        assert not suspension(RUN, 1, (asked(),)).starts_children

    def test_an_event_has_the_digest_of_its_token(self):
        wait = asked(kind=WaitKind.EVENT)
        assert suspension(RUN, 1, (wait,)).parameters()["tokens"] == [token_digest(event_token(wait.id))]

    def test_text_that_postgresql_cannot_hold(self):
        bound = suspension(RUN, 1, (asked(prompt="a\x00b\ud800", arguments={"q": "a\x00b\ud800"}),)).parameters()
        assert bound["prompts"] == ["a\ufffdb?"]
        assert canonical.load(bound["arguments"][0]) == {"q": "a\x00b\ud800"}

    def test_times(self):
        moment = datetime(2030, 1, 1, tzinfo=UTC)
        bound = suspension(RUN, 1, (asked(due_at=moment), asked(due_seconds=5.0))).parameters()
        assert (bound["due_at"], bound["due_seconds"]) == ([moment, None], [None, 5.0])
