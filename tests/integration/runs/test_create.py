"""Accepting a run: a row and its first event, frozen as everything was at that moment."""

import pytest

from apps.agents.exceptions import AgentArchived, AgentNotFound, AgentVersionNotFound
from apps.agents.models import Agent
from apps.agents.services import archive_agent, set_label
from apps.contexts.changes import Author, Put
from apps.contexts.services import commit_entries, create_context
from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.exceptions import InvalidRunInput
from apps.runs.limits import Limits
from apps.runs.models import NO_KEY, Event, Run
from apps.runs.services import Origin, RunRequest, create_run
from apps.runs.states import RunStatus
from tests.integration.runs.world import counts, make_agent, publish

NOTHING = {"Run": 0, "Event": 0}


WHERE_IT_BELONGS = dict.fromkeys(
    ("thread_id", "parent_id", "batch_id", "schedule_id", "rerun_of_id", "rerun_from", "worker_id")
)
NOTHING_YET = {
    "held": False,
    "quarantined": False,
    "stop_reason": "",
    "error_code": "",
    "error_detail": "",
    "attempt": 0,
    "crashes": 0,
    "lease_epoch": 0,
    "cancel_requested_at": None,
    "cancel_reason": "",
    "next_wake_at": None,
    "deadline_at": None,
    "output": None,
    "messages": None,
    "step_count": 0,
    "model_calls": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "cost_usd": 0,
    "started_at": None,
    "finished_at": None,
    "announced_at": None,
    "payloads_removed_at": None,
}


def test_it_works(support, alice):
    version = make_agent(support, limits={"steps": 20, "seconds": 60})
    origin = Origin(kind="user", id=alice.id, request_id="req-1")
    request = RunRequest(agent="docs", input={"question": "Why?"}, metadata={"ticket": "4711"})
    run = create_run(support.id, request, origin=origin)
    row = Run.objects.values().get()
    times = {name: row.pop(name) for name in ("created_at", "queued_at")}
    assert times["created_at"] == times["queued_at"]
    assert row == WHERE_IT_BELONGS | NOTHING_YET | {
        "id": run.id,
        "workspace_id": support.id,
        "agent_id": version.agent_id,
        "agent_version_id": version.id,
        "api_key_id": NO_KEY,
        "status": "queued",
        "streaming": False,
        "input": b'{"question":"Why?"}',
        "attachments": [],
        "limits": {"steps": 20, "seconds": 60.0},
        "account_ids": [],
        "metadata": {"ticket": "4711"},
        "context_versions": {},
        "event_seq": 1,
        "created_by_kind": "user",
        "created_by_id": alice.id,
        "request_id": "req-1",
    }
    event = Event.objects.get()
    assert (event.run_id, event.seq, event.type, event.step_n) == (run.id, 1, "run.queued", None)
    assert canonical.load(event.data) == {"agent": "docs"}


def test_few_queries(support, django_assert_num_queries):
    make_agent(support)
    create_run(support.id, RunRequest(agent="docs", input="warm up: the version's bundle is kept by the process"))
    with django_assert_num_queries(5):  # two reads, one insert, a savepoint around it
        create_run(support.id, RunRequest(agent="docs", input="Hello?"))


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (Limits(), {"steps": 10, "tokens": 1000, "usd": 0.5, "seconds": 60.0}),
        (Limits(steps=3, usd=0.1), {"steps": 3, "tokens": 1000, "usd": 0.1, "seconds": 60.0}),
        (
            Limits(steps=99, tokens=9_999, usd=9, seconds=999),
            {"steps": 10, "tokens": 1000, "usd": 0.5, "seconds": 60.0},
        ),
    ],
)
def test_limits_are_lowered_and_never_raised(support, limits, kept):
    make_agent(support, limits={"steps": 10, "tokens": 1000, "usd": 0.5, "seconds": 60})
    assert create_run(support.id, RunRequest(agent="docs", input="x", limits=limits)).limits == kept


def test_a_ceiling_that_the_agent_does_not_have_is_the_callers(support):
    make_agent(support, limits={"steps": None})
    run = create_run(support.id, RunRequest(agent="docs", input="x", limits=Limits(tokens=5)))
    assert run.limits == {"tokens": 5}


@pytest.mark.parametrize(("streaming", "kept"), [(None, True), (True, True), (False, False)])
def test_streaming_is_the_agents_unless_the_caller_says(support, streaming, kept):
    make_agent(support, streaming=True)
    assert create_run(support.id, RunRequest(agent="docs", input="x", streaming=streaming)).streaming is kept


def test_the_name_is_resolved_now(support):
    first = make_agent(support)
    second = publish(first.agent, instructions="Be brief.")
    set_label(first.agent, name="canary", number=2)
    chosen = {name: create_run(support.id, RunRequest(agent=name, input="x")) for name in ("docs", "docs@canary")}
    assert [run.agent_version_id for run in chosen.values()] == [second.id, second.id]
    set_label(first.agent, name="production", number=1)
    set_label(first.agent, name="canary", number=1)
    assert create_run(support.id, RunRequest(agent="docs", input="x")).agent_version_id == first.id
    assert create_run(support.id, RunRequest(agent="docs@2", input="x")).agent_version_id == second.id
    assert Run.objects.get(id=chosen["docs@canary"].id).agent_version_id == second.id


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("nobody", AgentNotFound, "agent_not_found"),
        ("docs@7", AgentVersionNotFound, "agent_version_not_found"),
        ("docs@canary", AgentVersionNotFound, "agent_version_not_found"),
        ("docs@99999999999999999999", AgentVersionNotFound, "agent_version_not_found"),
        ("empty", AgentVersionNotFound, "agent_version_not_found"),
        ("", AgentNotFound, "agent_not_found"),
        ("docs@", AgentNotFound, "agent_not_found"),
        ("Docs", AgentNotFound, "agent_not_found"),
        ("docs\x00", AgentNotFound, "agent_not_found"),
        ("docs\n", AgentNotFound, "agent_not_found"),
        ("theirs", AgentNotFound, "agent_not_found"),
    ],
)
def test_an_agent_that_is_not_there(support, sales, name, error, code):
    make_agent(support)
    Agent.objects.create(workspace=support, slug="empty", name="Empty")
    make_agent(sales, slug="theirs")
    with pytest.raises(error) as refused:
        create_run(support.id, RunRequest(agent=name, input="x"))
    assert (refused.value.code, counts()) == (code, NOTHING)


def test_an_archived_agent_takes_no_runs(support):
    archive_agent(make_agent(support).agent)
    with pytest.raises(AgentArchived) as refused:
        create_run(support.id, RunRequest(agent="docs", input="x"))
    assert (refused.value.code, counts()) == ("agent_archived", NOTHING)


@pytest.mark.parametrize("value", [None, "", float("nan"), {"a": float("inf")}, object(), {"a": {1, 2}}])
def test_an_input_that_is_no_json_or_empty(support, value):
    make_agent(support)
    with pytest.raises(InvalidRunInput) as refused:
        create_run(support.id, RunRequest(agent="docs", input=value))
    assert (refused.value.code, counts()) == ("invalid_run_input", NOTHING)


@pytest.mark.parametrize(
    "value", ["a\x00b", "\ud800", {"k\x00": "\udfff"}, 0, False, [], {}, 1.5, 2**70 + 1, "ünïcödé"]
)
def test_any_other_json_is_kept_as_it_is(support, value):
    make_agent(support)
    run = create_run(support.id, RunRequest(agent="docs", input=value))
    kept = canonical.load(Run.objects.get(id=run.id).input)
    assert (kept, type(kept)) == (value, type(value))


@pytest.mark.parametrize("metadata", [{"k": "a\x00b"}, {"k": ["\ud800"]}, {"k\x00": 1}, {"k": float("nan")}])
def test_metadata_that_no_database_can_hold(support, metadata):
    make_agent(support)
    with pytest.raises(InvalidRunInput) as refused:
        create_run(support.id, RunRequest(agent="docs", input="x", metadata=metadata))
    assert refused.value.errors[0].pointer == "/metadata"
    assert counts() == NOTHING


def test_contexts_are_pinned_as_they_are_now(support):
    handbook = create_context(support.id, path="handbook/refunds")
    commit_entries(handbook, [Put("rule", "30 days")], by=Author("alice"))
    commit_entries(handbook, [Put("rule", "60 days")], by=Author("alice"))
    fixed = create_context(support.id, path="fixed")
    commit_entries(fixed, [Put("k", "1")], by=Author("alice"))
    commit_entries(fixed, [Put("k", "2")], by=Author("alice"))
    notes = create_context(support.id, path="notes")
    mounts = [
        {"context": "handbook/refunds"},
        {"context": "fixed", "version": 1},
        {"context": "notes", "access": "write"},
    ]
    make_agent(support, mounts=mounts)
    run = create_run(support.id, RunRequest(agent="docs", input="x"))
    assert run.context_versions == {
        str(handbook.id): 2,
        str(handbook.parent_id): 0,
        str(fixed.id): 1,
        str(notes.id): 0,
    }
    commit_entries(handbook, [Put("rule", "90 days")], by=Author("alice"))
    assert Run.objects.get(id=run.id).context_versions[str(handbook.id)] == 2


def test_another_workspaces_agent_is_not_there(support, sales):
    make_agent(sales)
    with pytest.raises(AgentNotFound):
        create_run(support.id, RunRequest(agent="docs", input="x"))
    with pytest.raises(AgentNotFound):
        create_run(new_id(), RunRequest(agent="docs", input="x"))
    assert counts() == NOTHING


def test_a_run_starts_queued_whatever_the_caller_thinks(support):
    make_agent(support)
    run = create_run(support.id, RunRequest(agent="docs", input="x"))
    assert (run.status, run.event_seq, run.attempt) == (RunStatus.QUEUED, 1, 0)
