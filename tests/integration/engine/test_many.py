"""A batch needs one bell for each free place: whoever comes goes on until nothing is left."""

from apps.runs.models import Run, WorkerProcess
from apps.runs.selectors import RunFilter
from apps.runs.services import RunRequest, cancel_run
from apps.runs.services.batch import create_batch
from apps.runs.services.bulk_cancel import cancel_runs
from apps.runs.states import RunStatus
from tests.integration.engine.following import ended
from tests.integration.runs.world import make_agent
from tests.waiting import eventually


def submit(support, count: int):
    return create_batch(support.id, [RunRequest(agent="docs", input=n) for n in range(count)])


def test_it_works(support, hosts, settings):
    """Nobody polls for a minute, and one bell was heard."""
    make_agent(support, [{"text": "Hello."}])
    settings.CEF_POLL_SECONDS = 120.0
    host = hosts.start(slots=3)
    eventually(lambda: WorkerProcess.objects.exists())
    accepted = submit(support, 30)
    host.advance(many=True)
    eventually(lambda: Run.objects.filter(batch=accepted.batch, status="succeeded").count() == 30, within_s=20)


def test_a_bell_for_one_run_is_for_one_run(support, hosts, settings):
    make_agent(support, [{"text": "Hello."}])
    settings.CEF_POLL_SECONDS = 120.0
    host = hosts.start(slots=3)
    eventually(lambda: WorkerProcess.objects.exists())
    accepted = submit(support, 3)
    host.advance()
    assert Run.objects.filter(batch=accepted.batch, status="succeeded").count() == 1


def test_a_batch_that_is_cancelled_while_it_runs(support, host):
    make_agent(support, [{"hang": True}])
    accepted = submit(support, 60)
    eventually(lambda: Run.objects.filter(status=RunStatus.RUNNING).count() == 20)
    told = cancel_runs(support.id, RunFilter(batch_id=accepted.batch.id))
    assert (told.matched, told.remaining) == (60, 0)
    assert {ended(run, seconds=10).status for run in Run.objects.all()} == {"cancelled"}
    assert Run.objects.filter(attempt=0).count() == told.cancelled
    cancel_run(support.id, accepted.run_ids[0])
