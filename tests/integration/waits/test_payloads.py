"""Large arguments and answers are compressed or kept apart; the loop reads them, and none is collected too soon."""

import json

import pytest

from apps.core.models import Blob
from apps.runs import payloads
from apps.runs.models import Decision, Wait
from apps.runs.payloads import COMPRESSED_FROM, REFERENCES
from apps.runs.references import release_unused
from apps.runs.services import cancel_run, erase_run
from apps.runs.services.waits_events import resolve_event
from apps.runs.waiting import event_token
from apps.runs.waits import get_wait, wait_detail
from tests.integration.engine.following import ended
from tests.integration.runs.world import make_agent
from tests.integration.waits.world import agent_with, call, say, start, turn, waiting

APART = "x" * 300_000
MIDDLE = "y" * 20_000


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The built-in tools are installed."""


def delegate(support, who, task: str):
    """A run whose call needs consent and has this task among its arguments."""
    make_agent(support, slug="helper")
    script = [turn(call("run_agent", agent="helper", task=task)), {"text": "Done."}]
    agent_with(support, script, {"name": "run_agent", "approval": {}})
    return start(who)


def refers(row: bytes) -> bool:
    return bytes(row[:1]) == REFERENCES[0]


def test_it_works(support, alice, bob, host):
    """Arguments that lie apart; somebody edits them and agrees."""
    run = delegate(support, alice, APART)
    [consent] = waiting(run)
    assert (refers(consent.arguments), len(consent.arguments)) == (True, 37)
    edited = {"agent": "helper", "task": MIDDLE}
    say(bob, consent, "approve", arguments=edited)
    decision = Decision.objects.get()
    assert (refers(decision.arguments), len(decision.arguments) < COMPRESSED_FROM) == (False, True)
    consent.refresh_from_db()
    assert len(consent.result) < COMPRESSED_FROM
    detail = wait_detail(get_wait(support.id, consent.id))
    assert detail["arguments"]["task"] == APART
    assert (detail["edited_arguments"], detail["decisions"][0]["arguments"]) == (edited, edited)
    assert detail["result"]["arguments"] == edited
    assert ended(run).status == "succeeded"
    child = Wait.objects.get(run=run, kind="child")
    assert payloads.load(support.id, child.arguments) == edited
    assert payloads.load(support.id, child.child.input) == MIDDLE


def test_children_whose_arguments_lie_apart(support, alice, bob, host):
    run = delegate(support, alice, APART)
    [consent] = waiting(run)
    say(bob, consent, "approve")
    assert ended(run).status == "succeeded"
    child = Wait.objects.get(run=run, kind="child")
    assert (refers(child.arguments), payloads.load(support.id, child.arguments)["task"] == APART) == (True, True)


def test_a_report_that_lies_apart(support, alice, host):
    script = [turn(call("wait_for_event", name="paid")), {"text": "{last_tool_result}"}]
    agent_with(support, script, {"name": "wait_for_event"})
    [wait] = waiting(run := start(alice))
    resolve_event(event_token(wait.id), APART)
    assert resolve_event(event_token(wait.id), APART).state == "resolved"
    ended(run)
    run.refresh_from_db()
    assert APART in json.dumps(payloads.load(support.id, run.output))


def test_what_a_wait_refers_to_stays_until_its_run_goes(support, alice, bob, host):
    run = delegate(support, alice, APART)
    [consent] = waiting(run)
    digest = payloads.digest_of(consent.arguments)
    assert release_unused(support.id, {digest}) == 0
    assert payloads.load(support.id, consent.arguments)["task"] == APART
    cancel_run(support.id, run.id)
    erase_run(support.id, run.id)
    assert not Blob.objects.filter(digest=digest).exists()
