"""PostgreSQL is away for a moment in the middle of a run: the run waits for it and goes on."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, connections, transaction

from apps.contexts.changes import Author, Put
from apps.contexts.services import commit_entries, create_context
from apps.runs.models import Run
from apps.runs.services import RunRequest, create_run, create_thread
from apps.runs.states import RunStatus
from tests.integration.engine.following import CUT_THE_ENGINE, ended, output, reached, steps
from tests.integration.runs.world import make_agent
from tests.waiting import eventually


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Whoever touches the table waits; a connection of its own holds the lock."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
            held.set()
            release.wait(30)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    try:
        yield
    finally:
        release.set()
        holder.join()


def break_whoever_waits_for(table: str) -> None:
    """End the connection of the one statement that waits for the table, as a restart of PostgreSQL would."""

    def cut() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database() AND query LIKE %s AND pid <> pg_backend_pid()",
                [f"%{table}%"],
            )
            return bool(cursor.fetchall())

    eventually(cut)


def submit(workspace, **fields) -> Run:
    return create_run(workspace.id, RunRequest(agent="docs", input="go", **fields))


def test_it_works(support, host):
    """Every connection of the engine is cut, again and again."""
    make_agent(support, [{"text": "Done.", "latency_s": 0.3}])
    runs = [submit(support) for _ in range(30)]
    for _ in range(6):
        with connection.cursor() as cursor:
            cursor.execute(CUT_THE_ENGINE)
        time.sleep(0.15)
    for run in runs:
        ended(run, seconds=30)
        assert (run.status, output(run), run.step_count) == ("succeeded", "Done.", 1)


@pytest.mark.parametrize("table", ["runs_step", "runs_run"])
def test_while_the_journal_or_the_conversation_is_read(support, hosts, table):
    host = hosts.start()
    make_agent(support, [{"hang": True, "times": 1, "text": "Done."}])
    run = reached(submit(support, thread_id=create_thread(support.id).id), RunStatus.RUNNING)
    hosts.stop(host)
    with locked(table):
        hosts.start()
        break_whoever_waits_for(table)
    reached(run, RunStatus.RUNNING)
    assert (run.attempt, run.crashes) == (1, 0)


def test_while_the_agent_is_read(support, host):
    make_agent(support, [{"text": "Done."}])
    with locked("providers_languagemodel"):
        run = submit(support)
        break_whoever_waits_for("providers_languagemodel")
    ended(run)
    assert (run.status, output(run), run.attempt, run.crashes) == ("succeeded", "Done.", 1, 0)


def test_while_a_context_is_read(support, host):
    handbook = create_context(support.id, path="handbook")
    commit_entries(handbook, [Put("rule", "30 days")], by=Author("alice"))
    make_agent(support, [{"text": "Done."}], mounts=[{"context": "handbook"}])
    run = submit(support)
    with locked("contexts_entry"):
        break_whoever_waits_for("contexts_entry")
    ended(run)
    assert (run.status, output(run), run.attempt) == ("succeeded", "Done.", 1)


def test_while_a_step_is_recorded(support, host):
    make_agent(support, [{"text": "Done.", "latency_s": 0.5}])
    run = reached(submit(support), RunStatus.RUNNING)
    with locked("runs_step"):
        break_whoever_waits_for("runs_step")
    ended(run)
    assert (run.status, run.attempt, run.crashes) == ("succeeded", 1, 0)
    assert steps(run) == [("model", "script", 1)]


def test_a_database_that_only_reads_for_a_while(support, host):
    """A fail-over: for a moment the address leads to a standby."""
    make_agent(support, [{"text": "Done."}])
    database, role = connection.settings_dict["NAME"], connection.settings_dict["USER"]
    setting = f'ALTER ROLE "{role}" IN DATABASE "{database}"'
    with connection.cursor() as cursor:
        cursor.execute(f"{setting} SET default_transaction_read_only = on")
        cursor.execute(CUT_THE_ENGINE)
    run = submit(support)
    time.sleep(1.0)
    assert Run.objects.get(id=run.id).status == "queued"
    with connection.cursor() as cursor:
        cursor.execute(f"{setting} RESET default_transaction_read_only")
        cursor.execute(CUT_THE_ENGINE)
    assert ended(run).status == "succeeded"
