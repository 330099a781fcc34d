"""Whoever reads a run gets its payloads whole, however they are stored."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.exceptions import NotFound
from apps.core.models import Blob
from apps.runs import payloads
from apps.runs.models import Run, Step
from apps.runs.payloads import APART_FROM, digest_of
from apps.runs.services import RunRequest, create_run
from tests.integration.runs.world import claim, finish, make_agent, record
from tests.integration.storage.texts import LARGE, MIDDLE, blobs, with_answer, with_result


@pytest.fixture
def run(support) -> Run:
    make_agent(support)
    run = create_run(support.id, RunRequest(agent="docs", input={"text": MIDDLE}))
    claim()
    record(run.id, 1)
    finish(run)
    return with_answer(with_result(run, {"found": LARGE}), LARGE)


def test_it_works(run, client):
    assert client.get(f"/api/v1/runs/{run.id}").json()["output"] == LARGE
    row = Run.objects.get(id=run.id)
    assert (len(row.input) < 8_000, len(row.output), blobs()) == (True, 37, 2)
    assert digest_of(Step.objects.get(run_id=run.id).result) is not None


def test_rest_export_and_steps(run, client):
    body = client.get(f"/api/v1/runs/{run.id}").json()
    assert body["input"] == {"text": MIDDLE}
    assert client.get(f"/api/v1/runs/{run.id}/steps/1").json()["result"] == {"found": LARGE}
    export = client.get(f"/api/v1/runs/{run.id}/export").json()
    assert (export["output"], export["steps"][0]["result"]) == (LARGE, {"found": LARGE})


def test_only_what_lies_apart_costs_a_query_more(run, client):
    address = f"/api/v1/runs/{run.id}"
    client.get(address)
    counts = []
    for answer in ("Hello.", MIDDLE, LARGE):
        with_answer(run, answer)
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        counts.append(len(queries))
    assert counts == [counts[0], counts[0], counts[0] + 1]


def test_the_admin_shows_what_a_page_can_hold_and_gives_all_to_keep(run, admin):
    page = admin.get(f"/admin/runs/run/{run.id}/change/").content.decode()
    assert MIDDLE[:2_000] in page
    assert LARGE[:200] not in page
    assert "It is too large for this page." in page
    kept = admin.get(f"/admin/runs/run/{run.id}/output.json")
    assert (json.loads(kept.content), len(kept.content) > APART_FROM) == (LARGE, True)
    step = admin.get(f"/admin/runs/run/{run.id}/steps/1/result.json")
    assert json.loads(step.content) == {"found": LARGE}


def test_equal_payloads_are_stored_once(run, support):
    other = create_run(support.id, RunRequest(agent="docs", input=LARGE))
    assert (bytes(other.input), blobs()) == (bytes(Run.objects.get(id=run.id).output), 2)


def test_another_workspace_stores_its_own(run, sales):
    make_agent(sales)
    other = create_run(sales.id, RunRequest(agent="docs", input=LARGE))
    assert blobs() == 3
    Blob.objects.filter(workspace_id=run.workspace_id).delete()
    assert payloads.load(sales.id, other.input) == LARGE
    with pytest.raises(NotFound) as lost:
        payloads.load(run.workspace_id, other.input)
    assert lost.value.code == "blob_not_found"


@pytest.mark.django_db(transaction=True)
def test_a_large_payload_is_not_stored_outside_its_rows_transaction(support):
    with pytest.raises(Exception, match="in the transaction of its row"):
        payloads.store(support.id, b" " * APART_FROM)
    assert blobs() == 0
