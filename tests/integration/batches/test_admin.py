"""Batches in the admin: their bars, the page of one, and cancelling."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.runs.models import Run
from apps.runs.services import RunRequest
from apps.runs.services.batch import create_batch
from apps.runs.states import RunStatus
from tests.integration.dashboard.test_runs_admin import staff
from tests.integration.runs.world import finish, make_agent

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/runs/batch/"


@pytest.fixture
def admin(support) -> Client:
    return staff("view_batch", "view_run", "change_run")


def submit(workspace, count: int = 4):
    accepted = create_batch(workspace.id, [RunRequest(agent="docs", input=n) for n in range(count)], metadata={"k": 7})
    return accepted.batch, [Run.objects.get(id=run_id) for run_id in accepted.run_ids]


def page(admin: Client, address: str) -> str:
    answer = admin.get(address)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def test_it_works(admin, support):
    make_agent(support)
    batch, runs = submit(support)
    finish(runs[0])
    finish(runs[1], RunStatus.FAILED)
    listed = page(admin, LIST)
    assert "2 of 4" in listed
    assert 'aria-label="1 succeeded, 1 failed, 2 queued"' in listed
    assert 'class="cef-part-succeeded" style="width:25.000%"' in listed
    shown = page(admin, f"{LIST}{batch.id}/change/")
    assert f"cef batches show {batch.id}" in shown
    assert "<code>k=7</code>" in shown
    assert 'http-equiv="refresh"' in shown
    href = f"/admin/runs/run/?batch__id__exact={batch.id}&amp;status=failed"
    assert href in shown
    assert str(runs[1].id) in page(admin, href.replace("&amp;", "&"))
    assert str(runs[0].id) not in page(admin, href.replace("&amp;", "&"))


def test_the_list_counts_the_runs_of_all_batches_at_once(admin, support):
    make_agent(support)
    submit(support)
    page(admin, LIST)
    with CaptureQueriesContext(connection) as one:
        page(admin, LIST)
    submit(support)
    with CaptureQueriesContext(connection) as two:
        page(admin, LIST)
    assert len(two) == len(one)
    assert len([query for query in two if '"runs_run"' in query["sql"]]) == 1


def test_cancelling_what_has_not_ended(admin, support):
    make_agent(support)
    batch, runs = submit(support)
    finish(runs[0])
    assert "Cancel what has not ended" in page(admin, f"{LIST}{batch.id}/change/")
    answer = admin.post(f"{LIST}{batch.id}/cancel/", follow=True)
    assert "3 runs are cancelled, 0 are being stopped." in answer.content.decode()
    assert list(Run.objects.order_by("id").values_list("status", flat=True)) == ["succeeded", *["cancelled"] * 3]
    shown = page(admin, f"{LIST}{batch.id}/change/")
    assert "Cancel what has not ended" not in shown
    assert 'http-equiv="refresh"' not in shown


def test_cancelling_from_the_list(admin, support):
    make_agent(support)
    batches = [submit(support)[0] for _ in range(2)]
    sent = {"action": "cancel_selected", "_selected_action": [str(batch.id) for batch in batches]}
    assert "2 batches are being cancelled." in admin.post(LIST, sent, follow=True).content.decode()
    assert set(Run.objects.values_list("status", flat=True)) == {"cancelled"}


def test_who_only_looks_cancels_nothing(support):
    make_agent(support)
    batch, _ = submit(support)
    viewer = staff("view_batch", "view_run")
    assert "Cancel what has not ended" not in page(viewer, f"{LIST}{batch.id}/change/")
    assert viewer.post(f"{LIST}{batch.id}/cancel/").status_code == 403
    assert admin_get(viewer, f"{LIST}{batch.id}/cancel/") == 405
    assert set(Run.objects.values_list("status", flat=True)) == {"queued"}


def admin_get(browser: Client, address: str) -> int:
    return browser.get(address).status_code


def test_a_batch_that_is_not_there(admin, support):
    answer = admin.get(f"{LIST}01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a20/change/")
    assert answer.status_code == 404
    assert Client().get(LIST).status_code == 302
