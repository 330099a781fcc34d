"""Runs that lost their worker twice without a step are executed alone, and one that is lost there is poison."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from apps.runs.models import Effect, Run
from apps.runs.services import RunRequest, create_run, resume_run
from apps.runs.statements import CLAIM_QUARANTINED, SWEEP
from apps.runs.states import RunStatus
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, events, output, reached, steps
from tests.integration.runs.world import end_lease, history, make_agent, make_worker, one
from tests.waiting import eventually
from workers.engine.host import Host

SCRIPT = [{"tool_calls": [{"name": "double", "args": {"x": 4}}]}, {"text": "Done."}]


@pytest.fixture
def quarantine(hosts) -> Callable[[], Host]:
    return lambda: hosts.start(slots=1, quarantine=True)


def suspect(workspace, script=SCRIPT, tools=("double",)) -> Run:
    """A queued run that lost two workers."""
    make_agent(workspace, script, tools=[{"name": name} for name in tools])
    run = create_run(workspace.id, RunRequest(agent="docs", input="go"))
    Run.objects.update(quarantined=True, crashes=2)
    return run


def test_it_works(support, tools, hosts, quarantine):
    """Its first new step clears it, and it goes on among the others, charged with no attempt."""
    run = suspect(support)
    quarantine()
    eventually(lambda: "run.released" in history(run.id))
    run.refresh_from_db()
    assert (run.status, run.quarantined, run.crashes, run.attempt, run.worker_id) == ("queued", False, 0, 0, None)
    assert events(run)[1:] == [
        ("run.started", {"attempt": 1}),
        ("step.started", {"kind": "model", "name": "script"}),
        ("step.recorded", events(run)[3][1]),
        ("run.released", {"cause": "cleared"}),
    ]
    assert toolbox.calls == {}
    hosts.start()
    ended(run)
    assert (run.status, output(run), run.attempt, toolbox.calls) == ("succeeded", "Done.", 1, {"double 4": 1})
    assert steps(run) == [("model", "script", 1), ("tool", "double", 2), ("model", "script", 2)]


def test_others_are_left_to_the_others(support, tools, quarantine, hosts):
    make_agent(support, SCRIPT, tools=[{"name": "double"}])
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    host = quarantine()
    host.advance()
    assert Run.objects.get(id=run.id).status == "queued"
    hosts.start()
    assert ended(run).status == "succeeded"


def test_a_suspect_is_left_to_the_quarantine(support, tools, hosts):
    run = suspect(support)
    hosts.start().advance()
    assert (Run.objects.get(id=run.id).status, history(run.id)) == ("queued", ["run.queued"])


def test_a_run_that_ends_with_its_step_ends_there(support, tools, quarantine):
    run = suspect(support, [{"text": "Hello."}])
    quarantine()
    ended(run)
    assert (run.status, output(run), run.quarantined, run.attempt) == ("succeeded", "Hello.", False, 1)


def test_calls_beside_the_first_that_ends_come_to_their_ends(support, tools, hosts, quarantine):
    calls = [{"name": "double", "args": {"x": 1}, "id": "a"}, {"name": "pay_late", "id": "b"}]
    make_agent(support, [{"tool_calls": calls}, {"text": "Done."}], tools=[{"name": "double"}, {"name": "pay_late"}])
    first = hosts.start()
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    eventually(lambda: toolbox.calls["double 1"])
    eventually(lambda: toolbox.calls["pay_late"])
    hosts.stop(first)
    Effect.objects.update(state="failed")
    Run.objects.update(quarantined=True, crashes=2)
    before = len(steps(run))
    quarantine()
    eventually(lambda: toolbox.calls["pay_late"] == 2)
    toolbox.gate.set()
    reached(run, RunStatus.QUEUED)
    assert len(steps(run)) == before + 1
    assert Effect.objects.get().state == "committed"


def test_one_after_the_other(support, tools, quarantine, settings):
    """The next suspect follows at once, without waiting for a look into the queue."""
    settings.CEF_POLL_SECONDS = 5.0
    make_agent(support, [{"text": "Hello.", "latency_s": 0.02}])
    runs = [create_run(support.id, RunRequest(agent="docs", input="go")) for _ in range(30)]
    Run.objects.update(quarantined=True, crashes=2)
    host = quarantine()
    eventually(lambda: host._lease.worker_id)
    host.advance()
    for run in runs:
        assert ended(run, seconds=5).status == "succeeded"
    spans = sorted(Run.objects.values_list("started_at", "finished_at"))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_crash_in_quarantine_is_poison_and_names_the_call(support, tools, hosts, quarantine):
    run = suspect(support, [{"tool_calls": [{"name": "wait"}]}, {"text": "Done."}], tools=["wait"])
    Run.objects.update(quarantined=False)
    first = hosts.start()
    eventually(lambda: toolbox.calls["wait"])
    hosts.stop(first)
    Run.objects.update(quarantined=True, crashes=2)
    quarantine()
    eventually(lambda: toolbox.calls["wait"] == 2)
    run.refresh_from_db()
    end_lease(run.worker_id)
    ended(run)
    assert (run.status, run.stop_reason, run.error_code, run.crashes) == ("failed", "poison", "poison", 3)
    assert run.error_detail == (
        "The worker died 3 times without a new step, at last with this run alone in it, in the tool wait."
    )
    kind, told = events(run)[-1]
    assert (kind, told["cause"], told["code"], told["detail"]) == (
        "run.failed",
        "worker_lost",
        "poison",
        run.error_detail,
    )


def test_a_crash_before_any_call(support):
    run, worker = suspect(support, tools=()), make_worker()
    assert one(CLAIM_QUARANTINED, {"worker": worker}) is not None
    end_lease(worker)
    one(SWEEP)
    run.refresh_from_db()
    assert run.error_detail.endswith("at last with this run alone in it, before its next step.")


def test_a_poisoned_run_that_somebody_resumes_has_its_chances_again(support, tools, hosts):
    run = suspect(support)
    Run.objects.update(status="failed", stop_reason="poison", error_code="poison")
    resume_run(support.id, run.id)
    run.refresh_from_db()
    assert (run.status, run.quarantined, run.crashes) == ("queued", False, 0)
    hosts.start()
    assert ended(run).status == "succeeded"
