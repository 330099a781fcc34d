"""Two processes, one table: every run is executed by one of them, once."""

from collections import Counter

from apps.runs.models import Event, Run, Step
from apps.runs.services import RunRequest, create_run
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output
from tests.integration.runs.world import make_agent

SCRIPT = [{"tool_calls": [{"name": "double", "args": {"x": 4}}]}, {"text": "Done."}]


def test_it_works(support, tools, hosts):
    one, two = hosts.start(slots=15), hosts.start(slots=15)
    make_agent(support, SCRIPT, tools=[{"name": "double"}])
    runs = [create_run(support.id, RunRequest(agent="docs", input=str(n))) for n in range(120)]
    for run in runs:
        ended(run, seconds=40)
        assert (run.status, output(run), run.attempt, run.lease_epoch, run.crashes) == ("succeeded", "Done.", 1, 1, 0)
    assert toolbox.calls == {"double 4": 120}
    assert Step.objects.count() == 360
    assert Counter(Event.objects.values_list("type", flat=True)) == {
        "run.queued": 120,
        "run.started": 120,
        "step.recorded": 360,
        "run.succeeded": 120,
    }
    assert one is not two


def test_bells_in_any_number_execute_a_run_once(support, tools, hosts):
    """A message may be lost, doubled or late, and may come to both."""
    engines = [hosts.start(), hosts.start()]
    make_agent(support, SCRIPT, tools=[{"name": "double"}])
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    for _ in range(5):
        for engine in engines:
            engine.advance()
    ended(run)
    assert (run.attempt, toolbox.calls) == (1, {"double 4": 1})


def test_both_work(support, hosts):
    hosts.start(slots=3)
    hosts.start(slots=3)
    make_agent(support, [{"text": "Done.", "latency_s": 1}])
    runs = [create_run(support.id, RunRequest(agent="docs", input="go")) for _ in range(6)]
    holders = set()
    for run in runs:
        while Run.objects.get(id=run.id).status == "queued":
            pass
        holders.add(Run.objects.get(id=run.id).worker_id)
    for run in runs:
        assert ended(run).status == "succeeded"
    assert len(holders - {None}) == 2
