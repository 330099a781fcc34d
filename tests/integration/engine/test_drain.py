"""A process that is asked to leave takes no more runs, lets steps finish, and gives back what is left, uncharged."""

import socket
import threading
import time

from apps.runs.models import Run, WorkerProcess
from apps.runs.services import RunRequest, create_run
from apps.runs.states import RunStatus
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, events, output, reached, steps
from tests.integration.runs.world import history, make_agent
from tests.waiting import eventually


def submit(workspace, text="go", **fields) -> Run:
    return create_run(workspace.id, RunRequest(agent="docs", input=text, **fields))


def test_it_works(support, hosts, settings):
    """A hanging call is cut off after the time to drain; nobody is blamed, and another process goes on."""
    settings.CEF_DRAIN_SECONDS = 0.3
    first = hosts.start()
    make_agent(support, [{"hang": True}])
    run = reached(submit(support), RunStatus.RUNNING)
    first.drain()
    reached(run, RunStatus.QUEUED)
    assert (run.crashes, run.attempt, run.worker_id, run.stop_reason) == (0, 0, None, "")
    assert events(run)[-1] == ("run.released", {"cause": "drain"})
    hosts.stop(first)
    hosts.start()
    reached(run, RunStatus.RUNNING)
    assert (run.attempt, run.crashes) == (1, 0)


def test_nothing_is_taken_while_draining(support, hosts):
    host = hosts.start()
    make_agent(support)
    eventually(lambda: WorkerProcess.objects.count())
    host.drain()
    eventually(lambda: WorkerProcess.objects.get().draining)
    run = submit(support)
    host.advance()
    hosts.stop(host)
    assert (Run.objects.get(id=run.id).status, history(run.id)) == ("queued", ["run.queued"])


def test_a_step_in_time_is_recorded_and_the_next_does_not_start(support, tools, hosts, settings):
    settings.CEF_DRAIN_SECONDS = 10.0
    host = hosts.start()
    make_agent(support, [{"tool_calls": [{"name": "wait"}]}, {"text": "Done."}], tools=[{"name": "wait"}])
    run = submit(support)
    eventually(lambda: toolbox.calls["wait"])
    host.drain()
    toolbox.gate.set()
    reached(run, RunStatus.QUEUED)
    assert steps(run) == [("model", "script", 1), ("tool", "wait", 1)]
    hosts.stop(host)
    hosts.start()
    ended(run)
    assert (output(run), toolbox.calls["wait"], run.crashes) == ("Done.", 1, 0)
    assert steps(run)[-1] == ("model", "script", 2)


def test_a_stop_gives_back_at_once(support, hosts):
    host = hosts.start(slots=60)
    make_agent(support, [{"hang": True}])
    runs = [submit(support) for _ in range(50)]
    for run in runs:
        reached(run, RunStatus.RUNNING)
    began = time.monotonic()
    hosts.stop(host)
    assert time.monotonic() - began < 5
    assert set(Run.objects.values_list("status", "crashes", "attempt")) == {("queued", 0, 0)}
    assert {run_history for run in runs if (run_history := history(run.id)[-1])} == {"run.released"}


def test_a_stop_in_the_middle_of_everything_loses_nothing(support, tools, hosts):
    """Stopped and started while runs begin, record and end: each ends once, no tool step is repeated."""
    script = [
        {"tool_calls": [{"name": "double", "args": {"x": 1}}], "latency_s": 0.05},
        {"tool_calls": [{"name": "double", "args": {"x": 2}}], "latency_s": 0.05},
        {"text": "Done."},
    ]
    make_agent(support, script, tools=[{"name": "double"}])
    host = hosts.start(slots=10)
    runs = [submit(support) for _ in range(60)]
    for _ in range(5):
        time.sleep(0.4)
        hosts.stop(host)
        assert not Run.objects.filter(status="running").exists()
        host = hosts.start(slots=10)
    for run in runs:
        ended(run, seconds=40)
        assert (run.status, run.crashes, output(run), run.step_count) == ("succeeded", 0, "Done.", 5)
        assert len(steps(run)) == 5


def test_a_redis_that_answers_nothing_does_not_keep_the_process(support, hosts, settings):
    """It accepts connections and is silent, so the news are just being connected when the process leaves."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        make_agent(support)
        host = hosts.start()
        run = submit(support)
        ended(run)
        leaving = threading.Thread(target=hosts.stop, args=(host,))
        leaving.start()
        leaving.join(10)
        assert not leaving.is_alive()
    assert run.status == "succeeded"


def test_it_leaves_again_and_again(support, hosts):
    make_agent(support)
    for _ in range(8):
        host = hosts.start()
        run = ended(submit(support))
        leaving = threading.Thread(target=hosts.stop, args=(host,))
        leaving.start()
        leaving.join(15)
        assert (run.status, leaving.is_alive()) == ("succeeded", False)


def test_an_unsafe_call_that_is_cut_off_is_not_made_again(support, tools, hosts):
    host = hosts.start()
    make_agent(support, [{"tool_calls": [{"name": "pay_late"}]}, {"text": "paid"}], tools=[{"name": "pay_late"}])
    run = submit(support)
    eventually(lambda: toolbox.calls["pay_late"])
    hosts.stop(host)
    hosts.start()
    reached(run, RunStatus.WAITING)
    assert (run.stop_reason, toolbox.calls["pay_late"]) == ("outcome_unknown", 1)
