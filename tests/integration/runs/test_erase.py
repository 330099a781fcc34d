"""Erasing a run: every row of it goes, and nothing that others still need."""

import pytest
from django.db import connection

from apps.contexts.changes import Author, Put
from apps.contexts.documents.services import ingest
from apps.contexts.documents.values import Upload
from apps.contexts.models import Entry
from apps.contexts.services import commit_entries, create_context
from apps.core import blobs
from apps.core.ids import new_id
from apps.core.models import Blob
from apps.runs.exceptions import RunNotFinished, RunNotFound
from apps.runs.models import Effect, Event, Run, Step
from apps.runs.services import Attachment, RunRequest, create_run, erase_run, resume_run
from apps.runs.statements import INTEND
from apps.runs.states import RunStatus
from tests.integration.runs.world import claim, finish, intent_row, make_agent, one, record, set_up_run, together

pytestmark = pytest.mark.django_db(transaction=True)

POEM = b"Shall I compare thee to a summer's day?"


def with_file(workspace, data: bytes = POEM) -> Run:
    file = Attachment(name="poem.txt", media_type="text/plain", data=data)
    return create_run(workspace.id, RunRequest(agent="docs", input="Read!", attachments=(file,)))


def finished(run: Run) -> Run:
    """Ended after a step and an effect."""
    claim()
    assert one(INTEND, intent_row(run.id)) == {"held": True, "inserted": True}
    record(run.id, 1)
    finish(run)
    return run


def test_it_works(support):
    make_agent(support)
    run, other = finished(with_file(support)), finished(set_up_run(support))
    erase_run(support.id, run.id)
    assert list(Run.objects.values_list("id", flat=True)) == [other.id]
    for model in (Step, Event, Effect):
        assert set(model.objects.values_list("run_id", flat=True)) == {other.id}
    assert Blob.objects.count() == 0
    with pytest.raises(RunNotFound):
        erase_run(support.id, run.id)


def test_few_queries_whatever_the_run_did(support, django_assert_max_num_queries):
    run = set_up_run(support)
    claim()
    for n in range(200):
        record(run.id, 1, key=f"{n}/agent__model.request/0")
    finish(run)
    with django_assert_max_num_queries(32):
        erase_run(support.id, run.id)
    assert Step.objects.count() == 0


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING])
def test_an_active_run_stays(support, status):
    make_agent(support)
    run = with_file(support)
    Run.objects.filter(id=run.id).update(status=status)
    with pytest.raises(RunNotFinished) as refused:
        erase_run(support.id, run.id)
    assert refused.value.code == "run_not_finished"
    assert (Run.objects.count(), Event.objects.count(), Blob.objects.count()) == (1, 1, 1)


def test_another_workspaces_run_is_not_there(support, sales):
    run = finished(set_up_run(sales))
    for run_id in (run.id, new_id()):
        with pytest.raises(RunNotFound):
            erase_run(support.id, run_id)
    assert Run.objects.count() == 1


def test_a_file_of_another_run_stays(support, sales):
    for workspace in (support, sales):
        make_agent(workspace)
    run, other, stranger = finished(with_file(support)), with_file(support), with_file(sales)
    erase_run(support.id, run.id)
    assert blobs.load(support.id, bytes.fromhex(other.attachments[0]["digest"])) == POEM
    assert Blob.objects.count() == 2
    finish(other)
    erase_run(support.id, other.id)
    assert list(Blob.objects.values_list("workspace_id", flat=True)) == [stranger.workspace_id]


def test_a_text_that_is_also_an_entry_stays(support):
    make_agent(support)
    poems = create_context(support.id, path="poems")
    commit_entries(poems, [Put("sonnet-18", POEM.decode())], by=Author("alice"))
    commit_entries(poems, [Put("sonnet-18", "Rough winds")], by=Author("alice"))
    run = finished(with_file(support))
    erase_run(support.id, run.id)
    old = Entry.objects.get(key="sonnet-18", valid_from=1)
    assert blobs.load(support.id, bytes(old.digest)) == POEM


def test_a_text_that_is_also_an_entrys_summary_stays(support):
    make_agent(support)
    poems = create_context(support.id, path="poems")
    commit_entries(poems, [Put("sonnet-18", "Long.", summary=POEM.decode())], by=Author("alice"))
    erase_run(support.id, finished(with_file(support)).id)
    assert Blob.objects.filter(data=POEM).count() == 1


def test_a_file_that_is_also_a_document_stays(support):
    make_agent(support)
    job = ingest(create_context(support.id, path="poems"), [Upload("poem.txt", POEM, "text/plain")])
    erase_run(support.id, finished(with_file(support)).id)
    assert blobs.load(support.id, bytes(job.items.get().digest)) == POEM


def test_a_run_that_is_resumed_at_the_same_moment_is_not_lost(support):
    make_agent(support)
    for _ in range(20):
        run = with_file(support)
        claim()
        finish(run, RunStatus.FAILED)
        outcomes = together(
            lambda run=run: erase_run(support.id, run.id), lambda run=run: resume_run(support.id, run.id)
        )
        kinds = [type(outcome).__name__ for outcome in outcomes]
        row = Run.objects.filter(id=run.id).first()
        if row is None:
            assert kinds in (["NoneType", "RunNotFound"], ["NoneType", "RunNotResumable"])
        else:
            assert kinds == ["RunNotFinished", "Run"]
            assert blobs.load(support.id, bytes.fromhex(row.attachments[0]["digest"])) == POEM
            finish(row)
            erase_run(support.id, row.id)


def test_a_file_that_a_new_run_brings_at_the_same_moment_is_there(support):
    make_agent(support)
    for _ in range(30):
        old = with_file(support)
        finish(old)
        _, new = together(lambda old=old: erase_run(support.id, old.id), lambda: with_file(support))
        assert blobs.load(support.id, bytes.fromhex(new.attachments[0]["digest"])) == POEM
        finish(new)
        erase_run(support.id, new.id)
        assert Blob.objects.count() == 0


def test_nothing_of_it_is_left_in_any_table(support):
    """Also not in tables that later versions add: every column that could name the run is looked at."""
    run = finished(set_up_run(support))
    erase_run(support.id, run.id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND (column_name = 'run_id' OR (table_name, column_name) = ('runs_run', 'id'))"
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" = %s', [run.id])
            assert (table, cursor.fetchone()[0]) == (table, 0)
