"""A cancel is seen within five seconds, whatever the run is doing, and no step starts after it is seen."""

import time

import pytest

from apps.core.ids import new_id
from apps.runs.models import Run, Step
from apps.runs.services import RunRequest, cancel_run, create_run
from apps.runs.states import RunStatus
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, reached, steps
from tests.integration.runs.world import history, make_agent
from tests.waiting import eventually


def submit(workspace, script, **definition) -> Run:
    make_agent(workspace, script, **definition)
    return create_run(workspace.id, RunRequest(agent="docs", input="go"))


@pytest.mark.parametrize("streaming", [True, False])
def test_it_works(support, host, streaming):
    """In a model call that never answers."""
    run = reached(submit(support, [{"hang": True}], streaming=streaming), RunStatus.RUNNING)
    asked = time.monotonic()
    cancel_run(support.id, run.id)
    ended(run)
    assert time.monotonic() - asked < 5
    assert (run.status, run.stop_reason, run.error_code) == ("cancelled", "cancelled_by", "")
    assert history(run.id) == ["run.queued", "run.started", "run.cancel_requested", "run.cancelled"]
    assert Step.objects.count() == 0


def test_with_the_production_timings(support, hosts, settings):
    settings.CEF_HEARTBEAT_SECONDS, settings.CEF_LEASE_SECONDS = 5.0, 20.0
    hosts.start()
    run = reached(submit(support, [{"hang": True}]), RunStatus.RUNNING)
    asked = time.monotonic()
    cancel_run(support.id, run.id)
    assert ended(run).status == "cancelled"
    assert time.monotonic() - asked < 5


def test_in_a_tool_that_blocks(support, tools, host):
    turn = {"tool_calls": [{"name": "wait"}]}
    run = submit(support, [turn, {"text": "never"}], tools=[{"name": "wait"}])
    eventually(lambda: toolbox.calls["wait"])
    cancel_run(support.id, run.id)
    assert ended(run, seconds=5).status == "cancelled"
    assert steps(run) == [("model", "script", 1)]


def test_while_the_provider_is_being_waited_for(support, host):
    run = submit(support, [{"error": {"status": 429, "message": "", "retry_after_s": 60}}])
    reached(run, RunStatus.RUNNING)
    cancel_run(support.id, run.id)
    assert ended(run, seconds=5).status == "cancelled"


def test_no_step_starts_after_it_is_seen(support, tools, host):
    """A loop without end: the recorded step's answer says that somebody asked."""
    endless = {"turns": [{"tool_calls": [{"name": "double", "args": {"x": 1}}]}], "repeat_last": True}
    run = submit(support, endless, tools=[{"name": "double"}], limits={"steps": None})
    eventually(lambda: Step.objects.filter(run_id=run.id).count() > 3)
    cancel_run(support.id, run.id)
    ended(run)
    types = history(run.id)
    seen = types.index("run.cancel_requested")
    assert types[-1] == "run.cancelled"
    assert types[seen + 1 : -1].count("step.recorded") <= 2
    time_of_end = run.finished_at
    assert not Step.objects.filter(run_id=run.id, started_at__gt=time_of_end).exists()


def test_before_the_worker_has_begun(support, hosts):
    run = submit(support, [{"text": "never"}])
    Run.objects.filter(id=run.id).update(status="running", lease_epoch=1, attempt=1, worker_id=new_id())
    cancel_run(support.id, run.id)
    hosts.start()
    assert ended(run).status == "cancelled"
    assert Step.objects.count() == 0


def test_the_others_go_on(support, host):
    make_agent(support, [{"text": "Done.", "latency_s": 3}])
    runs = [create_run(support.id, RunRequest(agent="docs", input="go")) for _ in range(5)]
    reached(runs[0], RunStatus.RUNNING)
    cancel_run(support.id, runs[0].id)
    assert [ended(run).status for run in runs] == ["cancelled", *["succeeded"] * 4]
    assert {run.attempt for run in runs} == {1}


def test_many_at_once(support, hosts):
    hosts.start(slots=200)
    make_agent(support, [{"hang": True}])
    runs = [create_run(support.id, RunRequest(agent="docs", input="go")) for _ in range(100)]
    for run in runs:
        reached(run, RunStatus.RUNNING)
    asked = time.monotonic()
    for run in runs:
        cancel_run(support.id, run.id)
    assert {ended(run).status for run in runs} == {"cancelled"}
    assert time.monotonic() - asked < 8
