"""Finished runs and their payloads go after a workspace's days, and nothing that somebody needs."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.timezone import now

from apps.core import blobs as core_blobs
from apps.core.exceptions import InvalidInput
from apps.core.idempotency import IdempotencyKey
from apps.core.ids import first_id, new_id
from apps.core.models import Blob, Walk
from apps.runs.exceptions import PayloadsRemoved
from apps.runs.models import Account, Batch, Effect, Event, Retention, Run, Snapshot, Step, Thread
from apps.runs.payloads import digest_of
from apps.runs.retention import retention_preview
from apps.runs.services import Attachment, EffectDecision, create_thread, resolve_effect, resume_run
from apps.runs.services.retention import apply_retention, remove_retention, set_retention
from apps.runs.states import RunStatus
from tests.integration.runs.world import finish, record, set_up_run, together
from tests.integration.storage.texts import LARGE, blobs, stored, with_answer, words
from workers.ops import unused
from workers.ops.retention import sweep_retention
from workers.ops.unused import collect_unused

pytestmark = pytest.mark.django_db(transaction=True)


def aged(run: Run, days: float) -> Run:
    """As if the run had been made and had ended so long ago."""
    moment = Now() - timedelta(days=days)
    Run.objects.filter(id=run.id).update(finished_at=moment, announced_at=moment, created_at=moment)
    return run


def ended(workspace, days: float = 40, to: RunStatus = RunStatus.SUCCEEDED, **fields) -> Run:
    """A run with a step, ended so many days ago; its id is as old."""
    run = set_up_run(workspace, **fields)
    with transaction.atomic():
        old = Run.objects.get(id=run.id)
        old.id = _id_of(days)
        Event.objects.filter(run_id=run.id).delete()
        Run.objects.filter(id=run.id).delete()
        old.save(force_insert=True)
    Run.objects.filter(id=old.id).update(status=RunStatus.RUNNING, lease_epoch=1, attempt=1)
    record(old.id, 1)
    finish(old, to)
    return aged(Run.objects.get(id=old.id), days)


def _id_of(days: float) -> UUID:
    first = first_id(now() - timedelta(days=days + 0.01))
    return UUID(int=first.int | (new_id().int & ((1 << 80) - 1)))


def sweep() -> dict[str, int]:
    return dict(sweep_retention())


def left() -> set[UUID]:
    return set(Run.objects.values_list("id", flat=True))


def test_it_works(support):
    old, young = ended(support, 31), ended(support, 29)
    set_retention(support.id, run_days=30)
    assert sweep() == {"runs": 1}
    assert left() == {young.id}
    assert set(Step.objects.values_list("run_id", flat=True)) == {young.id}
    assert not Event.objects.filter(run_id=old.id).exists()
    assert Retention.objects.get().swept_at is not None
    assert sweep() == {}


def test_without_days_everything_stays(support):
    run = ended(support, 4_000)
    assert sweep() == {}
    set_retention(support.id, run_days=30)
    remove_retention(support.id)
    assert sweep() == {}
    assert left() == {run.id}


def test_nothing_of_another_workspace_goes(support, sales):
    mine, theirs = with_answer(ended(support), LARGE), with_answer(ended(sales), LARGE)
    set_retention(support.id, run_days=1, payload_days=1)
    assert sweep() == {"runs": 1, "blobs": 1}
    assert left() == {theirs.id}
    assert mine.id != theirs.id
    assert list(Blob.objects.values_list("workspace_id", flat=True)) == [sales.id]
    assert digest_of(Run.objects.get().output) is not None


def test_payloads_go_and_the_rows_stay(support):
    file = Attachment(name="poem.txt", media_type="text/plain", data=b"Rough winds")
    run = with_answer(ended(support, 31, input={"text": words(3_000)}, attachments=(file,)), LARGE)
    Step.objects.filter(run_id=run.id).update(request=b"{}", manifest=b"{}", result=stored(run, words(60_000, seed=3)))
    Effect.objects.create(workspace=support, run=run, key="k", tool="t", epoch=1, digest=b"", result=b"1")
    Snapshot.objects.create(run=run, n=1, run_step=1, model_calls=0, data=stored(run, words(60_000, seed=4)))
    set_retention(support.id, payload_days=30)
    assert blobs() == 4
    assert sweep() == {"payloads": 1, "blobs": 4}
    row, step = Run.objects.get(), Step.objects.get()
    assert (bytes(row.input), row.output, row.messages, row.attachments) == (b"null", None, None, [])
    assert row.payloads_removed_at is not None
    assert (step.request, step.result, step.manifest, step.name, step.input_tokens) == (None, None, None, "script", 3)
    assert Effect.objects.get().result is None
    assert (Snapshot.objects.count(), blobs(), Event.objects.filter(run_id=run.id).exists()) == (0, 0, True)
    assert sweep() == {}


def test_a_run_without_payloads_cannot_go_on(support, client):
    run = ended(support, 31, to=RunStatus.FAILED)
    set_retention(support.id, payload_days=30)
    assert sweep() == {"payloads": 1}
    with pytest.raises(PayloadsRemoved):
        resume_run(support.id, run.id)
    assert Run.objects.get().status == RunStatus.FAILED
    refused = client.post(f"/api/v1/runs/{run.id}/resume", {}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "payloads_removed")
    body = client.get(f"/api/v1/runs/{run.id}").json()
    assert (body["input"], body["output"], body["payloads_removed_at"] is not None) == (None, None, True)


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING])
def test_an_active_run_stays(support, status):
    run = ended(support)
    Run.objects.filter(id=run.id).update(status=status, finished_at=None)
    set_retention(support.id, run_days=1, payload_days=1)
    assert (sweep(), left()) == ({}, {run.id})


def test_a_run_whose_hooks_were_not_called_stays(support):
    run = ended(support)
    Run.objects.filter(id=run.id).update(announced_at=None)
    set_retention(support.id, run_days=1, payload_days=1)
    assert (sweep(), left()) == ({}, {run.id})


def test_a_run_with_a_call_that_somebody_must_decide_about_stays(support):
    run = ended(support, to=RunStatus.FAILED)
    line = Effect.objects.create(workspace=support, run=run, key="k", tool="pay", epoch=1, digest=b"", arguments=b"{}")
    Effect.objects.update(state="outcome_unknown")
    set_retention(support.id, run_days=1, payload_days=1)
    assert (retention_preview(support.id, run_days=1, payload_days=1), sweep()) == ({"runs": 0, "payloads": 0}, {})
    resolve_effect(support.id, line.id, decision=EffectDecision.STOP)
    assert sweep() == {"runs": 1}
    assert (left(), Effect.objects.count()) == (set(), 0)


def test_a_conversation_stays_whole_while_it_is_young(support):
    """What its oldest run said is heard by its next one."""
    thread = create_thread(support.id)
    first, second = ended(support, 50), aged(ended(support, 50), 29)
    Run.objects.update(thread=thread)
    set_retention(support.id, run_days=30, payload_days=30)
    assert (sweep(), left()) == ({}, {first.id, second.id})
    aged(second, 31)
    assert sweep() == {"runs": 2}
    assert (left(), Thread.objects.count()) == (set(), 1)


@pytest.mark.parametrize("older", ["parent", "child"])
def test_a_tree_of_runs_stays_while_one_of_it_works(support, older):
    parent, child = ended(support), ended(support)
    Run.objects.filter(id=child.id).update(parent=parent)
    active = parent if older == "child" else child
    Run.objects.filter(id=active.id).update(status=RunStatus.WAITING, finished_at=None)
    set_retention(support.id, run_days=1, payload_days=1)
    assert (sweep(), left()) == ({}, {parent.id, child.id})


def test_an_original_goes_after_its_rerun(support):
    original, rerun = ended(support, 50), aged(ended(support, 50), 29)
    Run.objects.filter(id=rerun.id).update(rerun_of=original)
    set_retention(support.id, run_days=30, payload_days=30)
    assert (sweep(), left()) == ({}, {original.id, rerun.id})
    aged(rerun, 31)
    assert sweep()["runs"] == 1
    assert left() == {original.id}
    assert sweep() == {"runs": 1}


def test_a_batch_goes_when_all_of_it_has_ended(support):
    batch = Batch.objects.create(workspace=support, total=2)
    first, second = ended(support), ended(support)
    Run.objects.update(batch=batch)
    Run.objects.filter(id=second.id).update(status=RunStatus.RUNNING, finished_at=None)
    set_retention(support.id, run_days=1)
    assert (sweep(), left()) == ({}, {first.id, second.id})
    finish(second)
    aged(second, 40)
    assert sweep() == {"runs": 2}
    assert Batch.objects.count() == 0


def test_what_goes_with_a_run(support):
    run = ended(support)
    Account.objects.create(workspace=support, subject_id=run.id, token_limit=1)
    IdempotencyKey.objects.create(
        workspace_id=support.id,
        principal_id=new_id(),
        key="k",
        fingerprint=b"",
        status=202,
        body=b"{}",
        subject_id=run.id,
    )
    set_retention(support.id, run_days=1)
    assert sweep() == {"runs": 1}
    assert (Account.objects.count(), bytes(IdempotencyKey.objects.get().body)) == (0, b"")


def test_small_transactions_and_a_new_beginning(support):
    """Many steps end a transaction early, and whoever was interrupted leaves the rest to the next."""
    runs = [ended(support) for _ in range(5)]
    Run.objects.update(step_count=4_000)
    retention = set_retention(support.id, run_days=1)
    walk = apply_retention(retention)
    assert next(walk).runs == 2
    walk.close()
    assert (len(left()), Retention.objects.get().swept_at) == (3, None)
    assert sweep_retention(seconds=0) == {"runs": 2}
    assert sweep() == {"runs": 1}
    assert left() == set()
    assert len(runs) == 5


def test_the_workspace_that_waited_longest_is_first(support, sales):
    for workspace in (support, sales):
        ended(workspace)
        set_retention(workspace.id, run_days=1)
    Retention.objects.filter(workspace=support).update(swept_at=Now())
    sweep_retention(seconds=0)
    assert list(Run.objects.values_list("workspace_id", flat=True)) == [support.id]


def test_two_sweeps_at_once_take_each_run_once(support):
    for _ in range(12):
        with_answer(ended(support), LARGE)
    set_retention(support.id, run_days=1)
    taken = together(sweep, sweep)
    assert sum(counts.get("runs", 0) for counts in taken) == 12
    assert (left(), blobs()) == (set(), 0)


def test_a_run_that_is_resumed_at_the_same_moment_is_kept_or_gone(support):
    set_retention(support.id, payload_days=1)
    for _ in range(15):
        run = ended(support, to=RunStatus.FAILED)
        _, resumed = together(sweep, lambda run=run: resume_run(support.id, run.id))
        row = Run.objects.get(id=run.id)
        if isinstance(resumed, Run):
            assert (row.status, row.payloads_removed_at) == (RunStatus.QUEUED, None)
        else:
            assert (type(resumed), row.status) == (PayloadsRemoved, RunStatus.FAILED)
        Run.objects.filter(id=run.id).delete()


def test_the_preview_counts_and_takes_nothing(support):
    for days in (10, 40, 400):
        ended(support, days)
    assert retention_preview(support.id, run_days=365, payload_days=30) == {"runs": 1, "payloads": 2}
    assert retention_preview(support.id, run_days=None, payload_days=None) == {"runs": 0, "payloads": 0}
    assert Run.objects.filter(payloads_removed_at__isnull=True).count() == 3


@pytest.mark.parametrize("days", [{}, {"run_days": 0}, {"run_days": 5, "payload_days": -1}, {"run_days": 40_000}])
def test_days_that_are_none_are_refused(support, days):
    with pytest.raises(InvalidInput):
        set_retention(support.id, **days)
    assert Retention.objects.count() == 0


def test_erase_and_retention_leave_no_bytes_behind(support, sales):
    """Whoever is the last to refer to them."""
    kept = with_answer(ended(sales), LARGE)
    file = Attachment(name="a", media_type="text/plain", data=b"poem")
    active = ended(support, 50, input=LARGE, attachments=(file,))
    Run.objects.filter(id=active.id).update(status=RunStatus.QUEUED, finished_at=None)
    for days in (40, 40, 10):
        with_answer(ended(support, days, attachments=(file,)), LARGE)
    set_retention(support.id, run_days=30, payload_days=5)
    assert sweep() == {"runs": 2, "payloads": 1}
    assert blobs() == 3
    finish(active)
    aged(active, 6)
    assert sweep() == {"payloads": 1, "blobs": 2}
    assert list(Blob.objects.values_list("workspace_id", flat=True)) == [kept.workspace_id]


def test_bytes_that_nobody_refers_to_go_after_a_day(support, sales):
    used = with_answer(ended(support), LARGE)
    for workspace in (support, sales):
        with transaction.atomic():
            core_blobs.store(workspace.id, b"orphan")
    assert collect_unused() == 0
    Blob.objects.update(created_at=F("created_at") - timedelta(days=2))
    assert collect_unused() == 2
    assert [bytes(blob.digest) for blob in Blob.objects.all()] == [digest_of(Run.objects.get(id=used.id).output)]


def test_the_walk_over_bytes_goes_on_where_it_stopped(support):
    runs = [with_answer(ended(support), words(60_000, seed=n)) for n in range(3)]
    Blob.objects.update(created_at=F("created_at") - timedelta(days=2))
    first = Blob.objects.order_by("id").first()
    with transaction.atomic():
        assert unused._next(1) == [(support.id, bytes(first.digest))]
    assert Walk.objects.get().position == first.id
    assert collect_unused() == 0
    assert Walk.objects.get().position == UUID(int=0)
    assert len(runs) == blobs() == 3
