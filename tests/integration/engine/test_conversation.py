"""Runs of a thread hear what was said before."""

from uuid import UUID

from apps.core import canonical
from apps.runs.limits import Limits
from apps.runs.models import Event, Run, Step, Thread
from apps.runs.services import RunRequest, create_run, create_thread, resume_run
from tests.integration.engine.following import ended, output
from tests.integration.runs.world import make_agent

TALK = [{"text": "Hello, {input}."}, {"text": "You are {input} now."}, {"text": "Goodbye, {input}."}]
"""The turn that is played is the number of answers heard before."""


def say(thread: Thread, text: str) -> Run:
    return create_run(thread.workspace_id, RunRequest(agent="docs", input=text, thread_id=thread.id))


def test_it_works(support, host):
    make_agent(support, TALK)
    thread = create_thread(support.id)
    first = ended(say(thread, "Bob"))
    messages = canonical.load(first.messages)
    assert [message["kind"] for message in messages] == ["request", "response"]
    second = ended(say(thread, "Robert"))
    assert [output(run) for run in (first, second)] == ["Hello, Bob.", "Hello, Robert."]
    assert second.input_tokens > first.input_tokens


def said(run: Run) -> list[str]:
    """The question and the answer that the run adds to its conversation."""
    return [part["content"] for message in canonical.load(run.messages) for part in message["parts"]]


def test_each_run_keeps_only_its_own_messages(support, host):
    make_agent(support, {"turns": TALK, "repeat_last": True})
    thread = create_thread(support.id)
    runs = [ended(say(thread, name)) for name in ("Ann", "Bea", "Cyd")]
    assert [len(said(run)) for run in runs] == [2, 2, 2]
    assert [said(run)[0] for run in runs] == ["Ann", "Bea", "Cyd"]


def test_a_failed_run_was_not_said(support, host):
    make_agent(support, TALK)
    make_agent(support, [{"error": {"status": 400, "message": ""}}], slug="broken")
    thread = create_thread(support.id)
    quiet = ended(say(thread, "Ann"))
    broken = create_run(support.id, RunRequest(agent="broken", input="x" * 4000, thread_id=thread.id))
    assert ended(broken).status == "failed"
    after = ended(say(thread, "Ann"))
    assert after.status == "succeeded"
    # Heard: one question and one answer before, and its own question; not the broken run's 4,000 characters.
    assert after.input_tokens < quiet.input_tokens + 20


def test_other_threads_are_not_heard(support, host):
    make_agent(support, TALK)
    one, two = create_thread(support.id), create_thread(support.id)
    first = ended(say(one, "x" * 4000))
    other = ended(say(two, "Ann"))
    assert first.input_tokens >= 1000
    assert other.input_tokens < 20


def test_without_a_thread_nothing_is_kept(support, host):
    make_agent(support, TALK)
    run = ended(create_run(support.id, RunRequest(agent="docs", input="Ann")))
    assert (run.status, run.messages) == ("succeeded", None)


def test_what_was_said_before_goes_by_the_databases_clock(support, host):
    """The first run's id comes from a host whose clock is ahead."""
    make_agent(support, TALK)
    thread = create_thread(support.id)
    first = ended(say(thread, "Bob"))
    Event.objects.filter(run_id=first.id).delete()
    Step.objects.filter(run_id=first.id).delete()
    Run.objects.filter(id=first.id).update(id=UUID(int=2**128 - 1))
    assert output(ended(say(thread, "Robert"))) == "Hello, Robert."
    heard = Run.objects.order_by("started_at").values_list("input_tokens", flat=True)
    assert heard[1] > heard[0]


def test_a_replay_hears_what_the_run_heard_at_first(support, host):
    """A failed run of the thread was resumed meanwhile, and has an answer now."""
    make_agent(support, {"turns": [{"text": "Fine."}], "repeat_last": True})
    make_agent(
        support,
        [{"tool_calls": [{"name": "current_time", "args": {}}]}, {"text": "It is late."}],
        slug="clock",
        tools=[{"name": "current_time"}],
    )
    thread = create_thread(support.id)
    request = RunRequest(agent="clock", input="How late?", thread_id=thread.id, limits=Limits(steps=2))
    failed = ended(create_run(support.id, request))
    assert failed.stop_reason == "budget_exceeded"
    ended(say(thread, "Hello."))
    resume_run(support.id, failed.id, limits=Limits(steps=5))
    assert (ended(failed).status, output(failed)) == ("succeeded", "It is late.")
