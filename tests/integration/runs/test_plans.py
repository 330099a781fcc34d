"""With 200,000 runs in the tables the hot statements and the lists still walk indexes, and read few rows."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.timezone import now

from apps.accounts.models import Workspace
from apps.core.ids import new_id
from apps.runs.caps import agent_subject, workspace_subject
from apps.runs.models import Effect, Event, Run, Step, Thread
from apps.runs.reading_statements import READ_RUN
from apps.runs.selectors import RunFilter, events_of, run_summaries, steps_of
from apps.runs.services import create_run, create_thread
from apps.runs.services.caps import set_cap
from apps.runs.services.create import RunRequest
from apps.runs.statements import (
    ALREADY_RECORDED,
    CLAIM,
    INTEND,
    MOVE,
    RECALL,
    RECORD_EFFECT_STEP,
    RECORD_STEP,
    REQUEST_CANCEL,
    SWEEP,
)
from apps.runs.states import TERMINAL, EventType, RunStatus
from apps.runs.transitions import Move
from tests.integration.runs.crowds import analyze, copy_run
from tests.integration.runs.world import claim, intent_row, make_agent, make_worker, set_up_run, step_row
from workers.engine.lease import CANCELLED
from workers.engine.slices import HISTORY

MANY = 200_000
SOME = 40_000
BIG = {"runs_run", "runs_step", "runs_event", "runs_effect", "runs_thread"}

_AT = f"now() - make_interval(secs => {MANY} - n)"
_OLD = {
    "id": f"(lpad(to_hex((extract(epoch FROM {_AT}) * 1000)::bigint), 12, '0') || '70008000' "
    "|| lpad(to_hex(n), 12, '0'))::uuid",
    "status": "(ARRAY['succeeded', 'failed', 'cancelled'])[1 + n % 3]",
    "metadata": "jsonb_build_object('ticket', n, 'team', n % 7)",
    **dict.fromkeys(("created_at", "queued_at", "started_at", "finished_at", "announced_at"), _AT),
}
_STEPS = """
INSERT INTO runs_step (run_id, n, key, kind, name, tool_call_id, epoch, digest, result, error_code, started_at,
    input_tokens, output_tokens, cost_usd)
SELECT id, 1, '1/x/0', 'model', 'script', '', 1, '\\x00', '\\x00', '', created_at, 3, 4, 0 FROM runs_run
ORDER BY id LIMIT %(some)s"""
_EFFECTS = """
INSERT INTO runs_effect (id, created_at, workspace_id, run_id, key, tool, state, epoch, digest, decided_by_kind, note)
SELECT id, created_at, workspace_id, id, '1/x/0', 't', 'committed', 1, '\\x00', '', '' FROM runs_run
ORDER BY id LIMIT %(some)s"""
_EVENTS = """
INSERT INTO runs_event (run_id, seq, type, data)
SELECT id, 1, 'run.queued', '\\x7b7d' FROM runs_run ORDER BY id LIMIT %(some)s"""


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """A workspace with many old runs and a few that are alive, gone again when the tests here are done."""
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)  # the files of the tables too: dead rows cost reads
        workspace = Workspace.objects.create(slug=f"crowd-{new_id().hex[-8:]}", name="Crowd")
        make_agent(workspace)
        make_agent(workspace, slug="idle")
        thread = create_thread(workspace.id)
        first = create_run(workspace.id, RunRequest(agent="docs", input="x"))
        copy_run(first, MANY, **_OLD)
        with connection.cursor() as cursor:
            for statement in (_STEPS, _EVENTS, _EFFECTS):
                cursor.execute(statement, {"some": SOME})
        runs = [first] + [create_run(workspace.id, RunRequest(agent="docs", input="x")) for _ in range(19)]
        talk = create_run(workspace.id, RunRequest(agent="docs", input="x", thread_id=thread.id))
        worker = make_worker()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE runs_run, runs_step, runs_event, runs_effect, runs_workerprocess, agents_agent")
        held = claim(worker)
        assert held is not None
        yield {
            "workspace": workspace,
            "thread": thread,
            "worker": worker,
            "held": held["id"],
            "talk": talk,
            "run": runs[0],
        }
        call_command("flush", interactive=False, verbosity=0)  # and the platform's own rows come back


@pytest.fixture(autouse=True)
def _nothing_is_left(crowd: dict[str, Any], db: None) -> None:
    """Each test's writes are rolled back; the crowd stays."""


def plan_of(statement: str, parameters: Any) -> list[dict[str, Any]]:
    """The executed plan's nodes, flat."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        (found,) = cursor.fetchone()
    document = found if isinstance(found, list) else json.loads(found)
    return list(_nodes(document[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


def rows_read(nodes: list[dict[str, Any]], tables: set[str] = BIG) -> int:
    """Rows of the big tables that were looked at, whether they passed or not; fails on a sequential scan of one."""
    read = 0
    for node in nodes:
        if node.get("Relation Name") in tables or node["Node Type"].startswith("Bitmap Index"):
            assert node["Node Type"] != "Seq Scan", node
            wasted = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            read += int((node["Actual Rows"] + wasted) * node["Actual Loops"])
    return read


def sql(queryset: QuerySet[Any, Any]) -> tuple[str, Any]:
    return queryset.query.sql_with_params()


def hot_statements(crowd: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    held = crowd["held"]
    unit = {"run": held, "epoch": 1, "key": "1/x/0"}
    effect = intent_row(held, key="1/x/0")
    move = Move(run_id=held, to=RunStatus.SUCCEEDED, event=EventType.SUCCEEDED, epoch=1, output=b"1")
    return {
        "who waits for it": (READ_RUN, {"run": held, "workspace": crowd["workspace"].id}),
        "claim": (CLAIM, {"worker": crowd["worker"], "after": UUID(int=0)}),
        "record": (RECORD_STEP, step_row(held, 1)),
        "record effect": (RECORD_EFFECT_STEP, step_row(held, 1)),
        "already recorded": (ALREADY_RECORDED, unit),
        "intend": (INTEND, effect),
        "recall": (RECALL, unit),
        "move": (MOVE, move.parameters()),
        "request cancel": (REQUEST_CANCEL, {"run": held, "reason": "", "data": b"{}"}),
        "look for cancels": (CANCELLED, {"id": crowd["worker"]}),
        "sweep": (SWEEP, {}),
        "history": (HISTORY, {"thread": crowd["thread"].id, "run": crowd["talk"].id}),
    }


def test_it_works(crowd):
    assert Run.objects.count() == MANY + 21
    assert Event.objects.count() > SOME


@pytest.mark.parametrize(
    "name",
    [
        "claim",
        "record",
        "record effect",
        "already recorded",
        "intend",
        "recall",
        "move",
        "request cancel",
        "look for cancels",
        "sweep",
        "history",
    ],
)
def test_the_hot_path(crowd, name):
    assert rows_read(plan_of(*hot_statements(crowd)[name])) <= 12


@pytest.mark.parametrize("capped", [False, True])
def test_the_claim_with_ten_thousand_runs_queued(crowd, capped):
    """And with as many of an agent that is at its cap in front: the statistics know of none of them."""
    for agent in ("docs", "idle"):
        copy_run(set_up_run(crowd["workspace"], agent), 10_000)
    if capped:
        set_cap(agent_subject(crowd["workspace"].id, "docs"), slots=0)
        set_cap(workspace_subject(crowd["workspace"].id), slots=500)
    tables, most = (BIG | {"runs_slot"}, 15) if capped else (BIG, 12)
    assert rows_read(plan_of(*hot_statements(crowd)["claim"]), tables) <= most
    analyze()
    assert rows_read(plan_of(*hot_statements(crowd)["claim"]), tables) <= most


@pytest.mark.parametrize("name", ["record", "record effect", "already recorded", "intend", "move", "request cancel"])
def test_the_hot_path_in_a_burst_that_the_statistics_do_not_know_of(crowd, name):
    """A thousand runs were started since the last ANALYZE: a statement about one of them reads one of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE runs_run SET status = 'running', worker_id = %s WHERE id IN "
            "(SELECT id FROM runs_run WHERE status = 'succeeded' LIMIT 1000)",
            [crowd["worker"]],
        )
    assert rows_read(plan_of(*hot_statements(crowd)[name])) <= 12


def listed(crowd: dict[str, Any], wanted: RunFilter) -> tuple[str, Any]:
    runs = Run.objects.filter(workspace_id=crowd["workspace"].id).filter(wanted.condition(crowd["workspace"].id))
    return sql(run_summaries(runs).order_by("-id")[:51])


@pytest.mark.parametrize(
    ("wanted", "most"),
    [
        (RunFilter(), 51),
        (RunFilter(statuses=("failed",)), 300),
        (RunFilter(statuses=("queued",)), 51),
        (RunFilter(statuses=("queued", "running", "waiting")), 60),
        (RunFilter(statuses=("waiting",)), 0),
        (RunFilter(agent="docs"), 51),
        (RunFilter(agent="idle"), 0),
        (RunFilter(thread_id=new_id()), 0),
        (RunFilter(schedule_id=new_id()), 0),
        (RunFilter(metadata={"ticket": 4711}), 10),
        (RunFilter(metadata={"ticket": "none has this"}), 10),
        (RunFilter(metadata={"ticket": 4711, "team": 0}), 10),
        (RunFilter(created_after=now()), 700),
        (RunFilter(created_before=now() - timedelta(days=2)), 1000),
        (RunFilter(created_after=now() - timedelta(days=9), created_before=now() - timedelta(days=2)), 1000),
    ],
)
def test_the_list_of_runs(crowd, wanted, most):
    assert rows_read(plan_of(*listed(crowd, wanted))) <= most


def test_an_agent_that_is_not_there_costs_no_walk(crowd, django_assert_num_queries):
    runs = Run.objects.filter(workspace_id=crowd["workspace"].id)
    with django_assert_num_queries(1):
        assert list(runs.filter(RunFilter(agent="nobody").condition(crowd["workspace"].id))) == []


def test_a_page_far_down_the_list_costs_the_same(crowd):
    runs = Run.objects.filter(workspace_id=crowd["workspace"].id)
    middle = runs.order_by("-id").values_list("id", flat=True)[MANY // 2]
    assert rows_read(plan_of(*sql(run_summaries(runs.filter(id__lt=middle)).order_by("-id")[:51]))) <= 51


def test_what_refers_to_a_row_that_is_to_go(crowd):
    """As a delete asks, of the foreign keys whose index begins another one's columns."""
    nobody = [new_id(), new_id()]
    for name in ("workspace_id", "agent_id", "thread_id"):
        assert rows_read(plan_of(*sql(Run.objects.filter(**{f"{name}__in": nobody})))) == 0
    assert rows_read(plan_of(*sql(Thread.objects.filter(workspace_id__in=nobody)))) == 0
    for rows in (Step, Event, Effect):
        assert rows_read(plan_of(*sql(rows.objects.filter(run_id__in=nobody)))) == 0


def test_the_list_of_threads(crowd):
    """Of a workspace whose threads are old, among many of others."""
    other = Workspace.objects.create(slug="talkative", name="Talkative")
    Thread.objects.bulk_create(Thread(workspace=other) for _ in range(20_000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE runs_thread")
    for workspace, most in ((crowd["workspace"], 1), (other, 51)):
        threads = Thread.objects.filter(workspace=workspace).order_by("-id")[:51]
        assert rows_read(plan_of(*sql(threads))) <= most


def test_steps_and_events_of_a_run(crowd):
    run_id = crowd["run"].id
    for rows in (steps_of(run_id).order_by("n")[:51], events_of(run_id, after=1).order_by("seq")[:51]):
        assert rows_read(plan_of(*sql(rows))) <= 5


def test_what_the_sweeper_looks_for(crowd):
    due = Q(next_wake_at=None) | Q(next_wake_at__lte=Now())
    ended = Run.objects.filter(due, status__in=sorted(TERMINAL), announced_at=None).order_by("finished_at")
    queued = Run.objects.filter(status=RunStatus.QUEUED).order_by("id")
    for rows in (ended.values_list("id")[:100], queued.values_list("id")[:100]):
        assert rows_read(plan_of(*sql(rows))) <= 100
