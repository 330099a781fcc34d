"""A long run in PostgreSQL: it restarts from its snapshots, and what it stores grows with its steps and no faster."""

from django.db import connection

from apps.contexts.changes import Author, Put
from apps.contexts.services import commit_entries, create_context
from apps.core.models import Blob
from apps.runs import payloads
from apps.runs.limits import Limits
from apps.runs.models import Run, Snapshot, Step
from apps.runs.services import RunRequest, create_run, create_thread, erase_run, resume_run
from tests.integration.engine.following import ended, outcome, output
from tests.integration.runs.world import make_agent
from tests.integration.storage import toolbox
from tests.integration.storage.texts import LARGE, stored, words

PAIRS = 130

SIZES = """
SELECT n, pg_column_size(step.*) + coalesce((
    SELECT sum(pg_column_size(event.*)) FROM runs_event AS event WHERE event.run_id = step.run_id AND step_n = step.n
), 0) + coalesce((
    SELECT sum(pg_column_size(kept.*)) FROM runs_snapshot AS kept WHERE kept.run_id = step.run_id AND kept.n = step.n
), 0)
FROM runs_step AS step WHERE step.run_id = %s ORDER BY n"""


def turns(pairs: int = PAIRS, *, size: int = 230) -> list[dict]:
    """A script that reads sheet after sheet."""
    calls = [{"name": "sheet", "args": {"n": n, "size": size}, "id": f"call-{n}"} for n in range(pairs)]
    return [*({"text": f"Sheet {n}.", "tool_calls": [call]} for n, call in enumerate(calls)), {"text": "Done."}]


def ask(workspace, script=None, *, steps: int, **fields) -> Run:
    make_agent(workspace, script or turns(), tools=[{"name": "sheet"}], limits={"steps": 5000}, **fields)
    return create_run(workspace.id, RunRequest(agent="docs", input="go", limits=Limits(steps=steps)))


def test_it_works(support, tools, hosts):
    host = hosts.start()
    run = ask(support, steps=200)
    assert outcome(run)[2] == "budget_exceeded"
    kept = list(Snapshot.objects.filter(run_id=run.id).values_list("n", "run_step", "model_calls"))
    assert all((n, calls) == (2 * calls, run_step - 1) for n, run_step, calls in kept)
    assert len(kept) >= 3
    hosts.stop(host)
    toolbox.calls.clear()
    hosts.start()
    resume_run(support.id, run.id, limits=Limits(steps=1000))
    ended(run)
    assert (run.status, output(run), toolbox.calls["sheet"]) == ("succeeded", "Done.", PAIRS - 100)
    assert [step.epoch for step in Step.objects.filter(run_id=run.id)] == [1] * 200 + [2] * (2 * PAIRS + 1 - 200)


def test_steps_behind_a_snapshot_are_not_read(support, tools, host):
    """Which is what makes a resume quick: a result that is gone from the journal is not missed."""
    run = ask(support, steps=200)
    assert outcome(run)[2] == "budget_exceeded"
    last = Snapshot.objects.filter(run_id=run.id).last()
    Step.objects.filter(run_id=run.id, n__lte=last.n).update(digest=bytes(32), result=b"null")
    resume_run(support.id, run.id, limits=Limits(steps=1000))
    assert (ended(run).status, output(run)) == ("succeeded", "Done.")


def test_a_conversation_keeps_a_long_run_whole(support, tools, host):
    """What a run adds to its thread does not depend on where it was interrupted."""
    make_agent(support, turns(), tools=[{"name": "sheet"}], limits={"steps": 5000})
    said = []
    for limits in (Limits(), Limits(steps=200)):
        thread = create_thread(support.id)
        run = create_run(support.id, RunRequest(agent="docs", input="go", thread_id=thread.id, limits=limits))
        if outcome(run)[2] == "budget_exceeded":
            resume_run(support.id, run.id, limits=Limits(steps=1000))
        said.append(payloads.load(support.id, ended(run).messages))
    assert [message["kind"] for message in said[0]] == [message["kind"] for message in said[1]]
    assert [len(message["parts"]) for message in said[0]] == [len(message["parts"]) for message in said[1]]
    assert len(said[0]) == 2 * PAIRS + 2


def test_the_last_hundred_steps_take_no_more_than_the_first(support, tools, host):
    facts = create_context(support.id, path="facts")
    commit_entries(facts, [Put(f"fact-{n}", words(60, seed=n)) for n in range(20)], by=Author("alice"))
    run = ended(ask(support, steps=1000, mounts=[{"context": "facts"}]), seconds=100)
    assert run.status == "succeeded"
    assert Step.objects.filter(run_id=run.id, manifest__isnull=False).count() == PAIRS + 1
    with connection.cursor() as cursor:
        cursor.execute(SIZES, [run.id])
        sizes = [size for _, size in cursor.fetchall()]
    first, last = sum(sizes[:100]), sum(sizes[-101:-1])
    assert last < 1.2 * first


def test_large_results_behind_snapshots_go_with_the_run(support, tools, host):
    """A snapshot of large messages lies apart as well, and neither outlives the run."""
    run = ask(support, turns(6, size=60_000), steps=1000)
    make_agent(support, turns(60), slug="long", tools=[{"name": "sheet"}], limits={"steps": 5000})
    long = create_run(support.id, RunRequest(agent="long", input="go"))
    assert (ended(run).status, ended(long).status) == ("succeeded", "succeeded")
    Snapshot.objects.filter(run_id=long.id).update(data=stored(long, LARGE))
    assert Blob.objects.count() == 7
    erase_run(support.id, run.id)
    assert Blob.objects.count() == 1
    erase_run(support.id, long.id)
    assert (Blob.objects.count(), Snapshot.objects.count()) == (0, 0)


def test_a_conversation_of_many_runs_stores_each_word_once(support, host):
    make_agent(support, [{"text": "Yes."}])
    thread = create_thread(support.id)
    sizes = []
    for n in range(12):
        run = create_run(support.id, RunRequest(agent="docs", input=words(200, seed=n), thread_id=thread.id))
        sizes.append(len(ended(run).messages))
    assert max(sizes) < 1.2 * sizes[0]
