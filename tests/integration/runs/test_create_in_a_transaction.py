"""`create_run` inside the caller's own transaction: all or nothing, and the bell rings only when all is committed."""

import pytest
from django.db import connection, transaction

from apps.accounts.models import Workspace
from apps.core.models import Blob
from apps.runs.exceptions import ThreadBusy
from apps.runs.models import Run
from apps.runs.services import Attachment, RunRequest, create_run, create_thread
from tests.integration.runs.world import bells, counts, history, make_agent, together

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING = {"Run": 0, "Event": 0}
HELLO = RunRequest(agent="docs", input="Hello?")


def test_it_works(support):
    make_agent(support)
    run = create_run(support.id, HELLO)
    assert (history(run.id), bells()) == (["run.queued"], [str(run.id)])


def test_the_bell_rings_after_the_callers_commit(support):
    make_agent(support)
    with transaction.atomic():
        Workspace.objects.filter(id=support.id).update(name="Support desk")
        run = create_run(support.id, HELLO)
        assert bells() == []
    assert (bells(), counts()) == ([str(run.id)], {"Run": 1, "Event": 1})


def test_nothing_is_left_of_a_transaction_that_is_rolled_back(support):
    make_agent(support)
    attachment = Attachment(name="a.txt", media_type="text/plain", data=b"abc")
    with transaction.atomic():
        create_run(support.id, RunRequest(agent="docs", input="x", attachments=(attachment,)))
        assert counts() == {"Run": 1, "Event": 1}
        transaction.set_rollback(True)
    assert (counts(), Blob.objects.count(), bells()) == (NOTHING, 0, [])


def test_a_refusal_leaves_the_callers_transaction_usable(support):
    make_agent(support)
    thread = create_thread(support.id)
    first = create_run(support.id, RunRequest(agent="docs", input="x", thread_id=thread.id))
    bells()
    with transaction.atomic():
        with pytest.raises(ThreadBusy):
            create_run(support.id, RunRequest(agent="docs", input="x", thread_id=thread.id))
        second = create_run(support.id, HELLO)
    assert set(Run.objects.values_list("id", flat=True)) == {first.id, second.id}
    assert bells() == [str(second.id)]


def test_a_refused_run_stores_no_attachment(support):
    make_agent(support)
    thread = create_thread(support.id)
    create_run(support.id, RunRequest(agent="docs", input="x", thread_id=thread.id))
    attachment = Attachment(name="a.txt", media_type="text/plain", data=b"abc")
    with pytest.raises(ThreadBusy):
        create_run(support.id, RunRequest(agent="docs", input="x", thread_id=thread.id, attachments=(attachment,)))
    assert Blob.objects.count() == 0


def test_a_row_without_its_first_event_is_never_seen(support):
    """What another connection sees while runs are created: both or none."""
    make_agent(support)
    seen = []

    def watch() -> None:
        for _ in range(200):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM runs_run r WHERE NOT EXISTS "
                    "(SELECT FROM runs_event e WHERE e.run_id = r.id AND e.seq = 1)"
                )
                seen.append(cursor.fetchone()[0])

    together(lambda: [create_run(support.id, HELLO) for _ in range(30)], watch)
    assert (counts(), set(seen)) == ({"Run": 30, "Event": 30}, {0})
