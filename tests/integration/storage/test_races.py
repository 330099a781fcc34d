"""Bytes that lie apart come and go with the rows that refer to them, whoever else writes at the same moment."""

import threading

import pytest
from django.db import connection, transaction

from apps.core import blobs as core_blobs
from apps.core import canonical
from apps.core.models import Blob
from apps.runs import payloads
from apps.runs.models import Run, Step
from apps.runs.payload_statements import KEPT_BY_STEP, apart_parameters
from apps.runs.payloads import pack
from apps.runs.references import release
from apps.runs.services import RunRequest, create_run, erase_run
from apps.runs.statements import recording
from tests.integration.runs.world import claim, finish, make_agent, one, record, set_up_run, step_row, together
from tests.integration.storage.texts import LARGE, blobs, with_answer, words
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

PACKED = pack(canonical.dump(LARGE))

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def kept_step(run: Run, epoch: int) -> dict | None:
    """A step whose result lies apart, recorded as the engine does."""
    row = step_row(run.id, epoch, result=PACKED.row) | apart_parameters([PACKED.apart])
    return one(recording(KEPT_BY_STEP), row)


def test_it_works(support):
    run = set_up_run(support)
    claim()
    assert kept_step(run, 1)["step_count"] == 1
    assert payloads.load(support.id, Step.objects.get(run_id=run.id).result) == LARGE


def test_a_stale_writer_leaves_no_bytes(support):
    run = set_up_run(support)
    claim()
    assert kept_step(run, 7) is None
    assert (Step.objects.count(), blobs()) == (0, 0)


def test_a_step_waits_for_who_deletes_and_brings_its_bytes_again(support):
    """The engine's statement holds the lock of apps.core.blobs, and sees what was deleted while it waited for it."""
    old, run = with_answer(set_up_run(support), LARGE), set_up_run(support, input="other")
    claim()
    claim()
    steps: list = []
    with transaction.atomic():
        Run.objects.filter(id=old.id).update(output=None)
        release(support.id, {PACKED.apart.digest})
        writer = threading.Thread(target=lambda: steps.append(_closing(lambda: kept_step(run, 1))))
        writer.start()
        eventually(lambda: one(WAITING)["count"] == 1)
        assert steps == []
    writer.join(10)
    assert steps[0]["step_count"] == 1
    assert payloads.load(support.id, Step.objects.get(run_id=run.id).result) == LARGE


def test_equal_answers_written_and_erased_at_once_are_never_lost(support):
    make_agent(support)
    for _ in range(20):
        old = with_answer(set_up_run(support), LARGE)
        claim()
        finish(old)
        with_answer(old, LARGE)
        _, new = together(
            lambda old=old: erase_run(support.id, old.id),
            lambda: create_run(support.id, RunRequest(agent="docs", input=LARGE)),
        )
        assert payloads.load(support.id, new.input) == LARGE
        finish(new)
        erase_run(support.id, new.id)
        assert Run.objects.count() == 0
        assert blobs() == 0


def test_erasing_a_run_leaves_what_others_refer_to(support, sales):
    shared, own = LARGE, words(60_000, seed=9)
    run, other = set_up_run(support), set_up_run(support)
    stranger = with_answer(set_up_run(sales), shared)
    for _ in range(3):
        claim()
    with_answer(other, shared)
    record(run.id, 1, result=_stored(run, own))
    finish(run)
    with_answer(run, shared)
    erase_run(support.id, run.id)
    assert payloads.load(support.id, Run.objects.get(id=other.id).output) == shared
    assert payloads.load(sales.id, Run.objects.get(id=stranger.id).output) == shared
    assert blobs() == 2


def test_bytes_of_a_file_that_look_like_a_payload_stay(support):
    """The hash is of the stored bytes, so a file may share it; either keeps them."""
    run = with_answer(set_up_run(support), LARGE)
    with transaction.atomic():
        digest = core_blobs.store(support.id, PACKED.apart.data)
        assert digest == PACKED.apart.digest
        release(support.id, {digest})
    assert payloads.load(support.id, Run.objects.get(id=run.id).output) == LARGE
    assert Blob.objects.count() == 1


def _stored(run: Run, value: object) -> bytes:
    with transaction.atomic():
        return payloads.store(run.workspace_id, canonical.dump(value))


def _closing(action):
    try:
        return action()
    finally:
        connection.close()
