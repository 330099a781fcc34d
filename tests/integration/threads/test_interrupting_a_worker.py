"""A run that is at work is interrupted or rolled back: what stays in its thread, and what the next one hears."""

from typing import Any

import pytest
from django.conf import settings as configured
from django.db.models.functions import Now
from redis import Redis

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.exceptions import EffectCommitted
from apps.runs.live import Delta, decode, shard_key
from apps.runs.models import Effect, Run, Step
from apps.runs.services import create_thread
from apps.runs.statements import INTEND, SETTLE, STOPPING
from apps.runs.states import RunStatus, Strategy
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output, reached
from tests.integration.runs.world import bells, claim, finish, make_agent, one
from tests.integration.threads.talking import kept, say
from tests.waiting import eventually

LONG = "x" * 4000
INTERRUPTED = "The tool call was interrupted before a result was produced."


@pytest.fixture
def thread(support):
    make_agent(support, [{"text": "I heard {input}."}], slug="ear")
    return create_thread(support.id)


def calls(name: str, **args: Any) -> dict[str, Any]:
    """A turn that calls a tool."""
    return {"tool_calls": [{"name": name, "args": args}]}


BOTH = {"tool_calls": [{"name": "double", "args": {"x": 1}}, {"name": "wait", "args": {}}]}


def bind(*names: str) -> list[dict]:
    return [{"name": name} for name in names]


def test_it_works(support, thread, host):
    """In the middle of a model call: the question stays, and the next run starts as soon as this one has stopped."""
    make_agent(support, [{"hang": True}])
    first = reached(say(thread, LONG), RunStatus.RUNNING)
    second = say(thread, "two", Strategy.INTERRUPT, agent="ear")
    assert ended(second).status == "succeeded"
    assert (ended(first).status, first.stop_reason) == ("cancelled", "interrupted")
    assert first.finished_at <= second.started_at
    assert kept(first) == [("user-prompt", LONG)]
    assert output(second) == "I heard two."
    assert heard(second) >= 1000


def heard(run: Run) -> int:
    """How much the run's model was told."""
    return run.input_tokens


def test_it_starts_without_waiting_for_a_poll(support, thread, hosts, settings):
    """The bell is rung by the worker whose run ended; nobody else looks for a minute."""
    make_agent(support, [{"hang": True}])
    host = hosts.start()
    first = reached(say(thread, "one"), RunStatus.RUNNING)
    settings.CEF_POLL_SECONDS = 60.0
    second = say(thread, "two", Strategy.INTERRUPT, agent="ear")
    ended(first)
    eventually(lambda: str(second.id) in bells() or None)
    host.advance()
    assert ended(second, seconds=5).status == "succeeded"


def test_a_dangling_call_is_repaired(support, thread, tools, host):
    make_agent(support, [BOTH, {"text": "never"}], tools=bind("double", "wait"))
    first = say(thread, "one")
    eventually(lambda: Step.objects.filter(run_id=first.id).count() == 2 and toolbox.calls["wait"])
    second = say(thread, "two", Strategy.INTERRUPT, agent="ear")
    assert ended(second).status == "succeeded"
    assert kept(first) == [
        ("user-prompt", "one"),
        ("tool-call", "double"),
        ("tool-call", "wait"),
        ("tool-return", 2),
        ("tool-return", INTERRUPTED),
    ]


def test_what_it_was_just_saying_stays(support, thread, host):
    make_agent(support, [{"text": "One two three four five six", "latency_s": 5, "chunks": 6}], streaming=True)
    first = say(thread, "one")
    eventually(lambda: spoken(first))
    say(thread, "two", Strategy.INTERRUPT, agent="ear")
    ended(first)
    ((_, question), (kind, text)) = kept(first)
    assert (question, kind, text) == ("one", "text", spoken(first))
    assert "One two three four five six".startswith(text)


def spoken(run: Run) -> str:
    """What its live readers were told."""
    entries = Redis.from_url(configured.REDIS_URL).xrange(shard_key(run.id))
    news = [decode(fields) for _, fields in entries]
    return "".join(item.text for item in news if isinstance(item, Delta) and item.run_id == run.id)


def test_after_a_kill_the_journal_says_what_was_said(support, thread, tools, hosts):
    """Nobody who ran it is left: its worker died after the interrupt was asked for."""
    make_agent(support, [BOTH, {"text": "never"}], tools=bind("double", "wait"))
    host = hosts.start()
    first = say(thread, "one")
    eventually(lambda: Step.objects.filter(run_id=first.id).count() == 2 and toolbox.calls["wait"])
    lost = Run.objects.values("id", "lease_epoch", "step_count").get(id=first.id)
    # As a kill leaves it: running, with a worker that is no more. The zombie in this process can write no longer.
    Run.objects.filter(id=first.id).update(worker_id=new_id(), lease_epoch=lost["lease_epoch"] + 1)
    say(thread, "two", Strategy.INTERRUPT, agent="ear")
    assert ended(first).stop_reason == "interrupted"
    assert kept(first)[-2:] == [("tool-return", 2), ("tool-return", INTERRUPTED)]
    toolbox.gate.set()
    hosts.stop(host)


def test_rollback_is_not_heard(support, thread, host):
    make_agent(support, [{"hang": True}])
    first = reached(say(thread, LONG), RunStatus.RUNNING)
    second = say(thread, "two", Strategy.ROLLBACK, agent="ear")
    assert ended(second).status == "succeeded"
    assert (ended(first).stop_reason, kept(first)) == ("rolled_back", [])
    assert heard(second) < 20


def test_a_run_that_succeeds_before_it_sees_the_rollback_is_not_heard_either(support, thread, hosts):
    make_agent(support)
    first = say(thread, LONG)
    claim()
    second = say(thread, "two", Strategy.ROLLBACK, agent="ear")
    finish(first, messages=canonical.dump([]))
    hosts.start()
    assert ended(second).status == "succeeded"
    assert heard(second) < 20


def test_rollback_of_what_only_read_goes_through(support, thread, tools, host):
    make_agent(support, [calls("double", x=1), {"hang": True}], tools=bind("double", "mail", "pay"))
    first = say(thread, "one")
    eventually(lambda: Step.objects.filter(run_id=first.id).count() == 2)
    second = say(thread, "two", Strategy.ROLLBACK, agent="ear")
    assert (ended(second).status, ended(first).stop_reason) == ("succeeded", "rolled_back")


@pytest.mark.parametrize(
    ("tool", "args", "steps"),
    [("pay", {"amount": 7}, 2), ("mail", {"to": "ann"}, 2), ("pay_late", {}, 1), ("mail_late", {}, 1)],
)
def test_rollback_is_refused_once_the_world_has_changed_or_may_have(support, thread, tools, host, tool, args, steps):
    """Committed, or under way: an unsafe tool by the ledger, an idempotent one by the journal."""
    make_agent(support, [calls(tool, **args), {"hang": True}], tools=bind(tool))
    first = say(thread, "one")
    eventually(lambda: toolbox.calls.total() and Step.objects.filter(run_id=first.id).count() == steps)
    with pytest.raises(EffectCommitted) as refused:
        say(thread, "two", Strategy.ROLLBACK, agent="ear")
    assert refused.value.details == {"run_id": str(first.id), "tool": tool}
    first.refresh_from_db()
    assert (first.cancel_requested_at, Run.objects.count()) == (None, 1)


@pytest.mark.parametrize("steps", [1, 2])
def test_an_effect_is_what_the_binding_says(support, thread, tools, host, steps):
    """A tool that is unsafe by itself, and idempotent as this agent binds it, has no line in the ledger."""
    form = {"name": "send_form", "config": {"idempotent": True}}
    make_agent(support, [calls("send_form"), {"hang": True}], tools=[form])
    first = say(thread, "one")
    eventually(lambda: toolbox.calls["send_form"])
    if steps == 2:
        toolbox.gate.set()
    eventually(lambda: Step.objects.filter(run_id=first.id).count() == steps)
    assert Effect.objects.count() == 0
    with pytest.raises(EffectCommitted):
        say(thread, "two", Strategy.ROLLBACK, agent="ear")
    assert Run.objects.get().cancel_requested_at is None


def test_no_effect_begins_once_a_rollback_is_asked_for(support, thread):
    """The worker may not have seen the request yet: the ledger refuses the line."""
    make_agent(support)
    first = say(thread, "one")
    claim()
    Run.objects.filter(id=first.id).update(cancel_reason="rolled_back", cancel_requested_at=Now())
    line = {"id": new_id(), "run": first.id, "epoch": 1, "key": "1/t/c", "tool": "pay", "digest": bytes(32)}
    assert one(INTEND, line | {"arguments": None, "again": False})["held"] is False
    assert one(SETTLE, line | {"result": b"1"}) is None
    assert one(STOPPING, line) is not None
    assert Effect.objects.count() == 0


def test_an_interrupted_answer_is_heard_by_the_next(support, thread, tools, host):
    """The history is one that a provider takes: the next run's model call is made with it."""
    make_agent(support, [calls("wait"), {"text": "never"}], tools=bind("wait"))
    first = say(thread, "one")
    eventually(lambda: toolbox.calls["wait"])
    second = say(thread, "two", Strategy.INTERRUPT, agent="ear")
    third = say(thread, "three", Strategy.ENQUEUE, agent="ear")
    assert [ended(run).status for run in (first, second, third)] == ["cancelled", "succeeded", "succeeded"]
    assert heard(third) > heard(second)
