"""Something outside is reported with a token, once."""

import pytest

from apps.runs.exceptions import EventNotFound, InvalidDecision, WaitNotOpen
from apps.runs.models import Event, Wait
from apps.runs.services.waits_events import resolve_event
from apps.runs.waiting import LARGEST_RESULT, event_token, known_token, token_digest
from tests.integration.engine.following import ended, output
from tests.integration.runs.world import history, together
from tests.integration.waits.world import agent_with, call, start, turn, waiting


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The built-in tools are installed."""


def expect(support, who, **config):
    script = [turn(call("wait_for_event", name="paid")), {"text": "{last_tool_result}"}]
    agent_with(support, script, {"name": "wait_for_event", "config": config})
    return start(who)


def test_it_works(support, alice, host):
    run = expect(support, alice)
    [wait] = waiting(run)
    assert (wait.kind, wait.prompt) == ("event", "paid")
    resolve_event(event_token(wait.id), {"amount": 700})
    assert (ended(run).status, output(run)) == ("succeeded", '{"amount":700}')


def test_only_a_digest_is_stored(support, alice, host):
    run = expect(support, alice)
    [wait] = waiting(run)
    token = event_token(wait.id)
    assert bytes(wait.token_digest) == token_digest(token)
    for data in Event.objects.filter(run=run).values_list("data", flat=True):
        assert token.encode() not in bytes(data)


def test_after_a_change_of_the_secret(support, alice, host, settings):
    [wait] = waiting(expect(support, alice))
    token = event_token(wait.id)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert known_token(wait.id, bytes(wait.token_digest)) == token
    settings.SECRET_KEY_FALLBACKS = []
    assert known_token(wait.id, bytes(wait.token_digest)) is None
    resolve_event(token, 1)


def test_once(support, alice, hosts):
    host = hosts.start()
    [wait] = waiting(run := expect(support, alice))
    hosts.stop(host)
    token = event_token(wait.id)
    said = together(*(lambda n=n: resolve_event(token, n) for n in range(4)))
    assert sorted(type(answer).__name__ for answer in said) == ["Wait", "WaitNotOpen", "WaitNotOpen", "WaitNotOpen"]
    assert history(run.id).count("run.resumed") == 1
    with pytest.raises(WaitNotOpen):
        resolve_event(token, 9)


@pytest.mark.parametrize("token", ["", "evt_", "evt_nothing", "x" * 10_000])
def test_a_token_that_nobody_gave(token, support):
    with pytest.raises(EventNotFound):
        resolve_event(token, {})


def test_it_does_not_happen_in_time(support, alice, host):
    run = ended(expect(support, alice, due_seconds=0.2))
    assert output(run) == '{"error":"The event paid did not arrive in time."}'
    with pytest.raises(WaitNotOpen):
        resolve_event(event_token(Wait.objects.get().id), {})


def test_too_much(support, alice, host):
    [wait] = waiting(expect(support, alice))
    with pytest.raises(InvalidDecision):
        resolve_event(event_token(wait.id), "x" * LARGEST_RESULT)
    assert Wait.objects.get().state == "open"
