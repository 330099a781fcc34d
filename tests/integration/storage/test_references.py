"""Every column that may refer to bytes kept apart is known, looked into, and has an index for that."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import BinaryField, Model

from apps.core import blobs as core_blobs
from apps.core import canonical
from apps.core.ids import new_id
from apps.core.models import Blob
from apps.runs.models import Decision, Effect, Run, Schedule, Snapshot, Step, Turn, Wait
from apps.runs.payloads import pack
from apps.runs.references import PLACES, digests_of, release, statements
from apps.runs.services import create_thread
from tests.integration.runs.crowds import copy_run
from tests.integration.runs.world import claim, record, set_up_run
from tests.integration.storage.texts import LARGE, blobs

PACKED = pack(canonical.dump(LARGE))
NO_PAYLOADS = {"Step.digest", "Effect.digest", "Event.data", "Wait.digest", "Wait.token_digest", "Decision.digest"}
"""Hashes, and the small JSON of events, which is kept as it is."""

Make = Callable[[Run], Model]


def _step(run: Run) -> Model:
    claim()
    record(run.id, 1)
    return Step.objects.get(run_id=run.id)


def _effect(run: Run) -> Model:
    return Effect.objects.create(workspace=run.workspace, run=run, key="k", tool="t", epoch=1, digest=b"")


def _snapshot(run: Run) -> Model:
    return Snapshot.objects.create(run=run, n=1, run_step=1, model_calls=0, data=b"{}")


def _wait(run: Run) -> Wait:
    fields = {"kind": "approval", "run_step": 1, "tool_call_id": "a", "tool": "t", "arguments": b"{}", "digest": b""}
    return Wait.objects.create(workspace=run.workspace, run=run, **fields)


def _decision(run: Run) -> Model:
    return Decision.objects.create(
        wait=_wait(run), verdict="approve", digest=b"", decided_by_kind="user", decided_by_id=new_id()
    )


def _turn(run: Run) -> Model:
    return Turn.objects.create(thread=create_thread(run.workspace_id), n=1, run_id=run.id, messages=b"[]")


def _schedule(run: Run) -> Model:
    return Schedule.objects.create(workspace=run.workspace, name="s", agent="docs", input=b"1", cron="* * * * *")


MAKERS: dict[type[Model], Make] = {
    Run: lambda run: run,
    Step: _step,
    Effect: _effect,
    Snapshot: _snapshot,
    Wait: _wait,
    Decision: _decision,
    Turn: _turn,
    Schedule: _schedule,
}
COLUMNS = [(model, column) for model, columns in PLACES.items() for column in columns]


@pytest.fixture
def run(support) -> Run:
    run = set_up_run(support)
    core_blobs.store(support.id, PACKED.apart.data)
    return run


def put(row: Model, column: str, value: bytes) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(**{column: value})


def test_it_works(run):
    assert release(run.workspace_id, {PACKED.apart.digest}) == 1
    assert blobs() == 0


@pytest.mark.parametrize(("model", "column"), COLUMNS, ids=lambda value: getattr(value, "__name__", value))
def test_whatever_refers_to_them_keeps_the_bytes(run, model, column):
    row = MAKERS[model](run)
    put(row, column, PACKED.row)
    assert release(run.workspace_id, {PACKED.apart.digest}) == 0
    put(row, column, b"null")
    assert release(run.workspace_id, {PACKED.apart.digest}) == 1


@pytest.mark.parametrize(("model", "column"), COLUMNS, ids=lambda value: getattr(value, "__name__", value))
def test_what_another_workspace_refers_to_does_not_keep_ours(run, sales, model, column):
    theirs = set_up_run(sales)
    claim()
    put(MAKERS[model](theirs), column, PACKED.row)
    assert release(run.workspace_id, {PACKED.apart.digest}) == 1


@pytest.mark.parametrize(("model", "column"), COLUMNS, ids=lambda value: getattr(value, "__name__", value))
def test_what_belongs_to_a_run_is_found(run, model, column):
    """What stays when the run goes is a thread's or a schedule's own."""
    put(MAKERS[model](run), column, PACKED.row)
    assert digests_of([run.id]) == (set() if model in {Turn, Schedule} else {PACKED.apart.digest})
    assert digests_of([new_id()]) == set()


def test_every_binary_column_of_runs_is_known():
    found = {
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("runs").get_models()
        for field in model._meta.fields
        if isinstance(field, BinaryField)
    }
    assert found - NO_PAYLOADS == {f"{model.__name__}.{column}" for model, column in COLUMNS}


def test_looking_for_references_reads_no_others(support):
    run = set_up_run(support)
    _step(run)
    copy_run(run, 20_000)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO runs_step (run_id, n, key, kind, name, tool_call_id, epoch, digest, result, error_code, "
            "started_at, input_tokens, output_tokens, cost_usd) SELECT id, 1, '1/x/0', 'model', 'm', '', 1, '\\x00', "
            "'\\x7b7d', '', now(), 0, 0, 0 FROM runs_run ON CONFLICT DO NOTHING"
        )
        cursor.execute("ANALYZE runs_run, runs_step")
        parameters, texts = statements(support.id, [PACKED.apart.digest])
        for text in texts:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", parameters)
            assert _read(cursor.fetchone()[0]) < 10, text
    assert Blob.objects.count() == 0


def _read(plan: Any) -> int:
    """Rows of the big tables that were looked at."""
    plan = plan if isinstance(plan, list) else json.loads(plan)
    nodes, read = [plan[0]["Plan"]], 0
    while nodes:
        node = nodes.pop()
        nodes.extend(node.get("Plans", ()))
        if node.get("Relation Name") in {"runs_run", "runs_step"}:
            wasted = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            read += int((node["Actual Rows"] + wasted) * node["Actual Loops"])
    return read
