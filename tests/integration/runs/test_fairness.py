"""Whose turn it is: one workspace after the other, however much one of them has queued."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from apps.accounts.keys import as_uuid
from apps.accounts.models import Workspace
from apps.runs.caps import Subject, agent_subject, workspace_subject
from apps.runs.models import Run
from apps.runs.models.cap import CapKind
from apps.runs.services.caps import set_cap
from apps.runs.statements import CLAIM
from tests.integration.runs.crowds import analyze, copy_run
from tests.integration.runs.world import finish, make_agent, make_worker, set_up_run, together
from workers.engine.claim import Turns
from workers.engine.database import connection_parameters, fetch_one, new_pool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspaces(db: None) -> list[Workspace]:
    """Three, in the order of their ids."""
    return [Workspace.objects.create(slug=f"w{n}", name=f"W{n}") for n in range(3)]


def crowd(workspace: Workspace, many: int, agent: str = "docs", **columns: str) -> Run:
    """So many queued runs; the oldest of them."""
    first = set_up_run(workspace, agent)
    copy_run(first, many - 1, **columns)
    return first


def served(turns: Turns, many: int) -> list[UUID]:
    """The workspaces of that many claims of one process."""

    worker = make_worker()

    async def take() -> list[UUID]:
        async with new_pool() as pool:
            found = [await turns.claim_next(pool, worker) for _ in range(many)]
        return [run.workspace_id for run in found if run is not None]

    return asyncio.run(take())


def test_it_works(workspaces):
    for workspace in workspaces:
        crowd(workspace, 40)
    order = served(Turns(), 100)
    assert order == [workspaces[n % 3].id for n in range(100)]


def test_a_workspace_in_turn_gets_its_oldest_run_whichever_agent_it_is_for(support):
    runs = [set_up_run(support, agent) for agent in ("a", "b", "a", "c", "b")]
    served(Turns(), 5)
    assert list(Run.objects.order_by("started_at").values_list("id", flat=True)) == [run.id for run in runs]


def test_a_workspace_that_comes_late_is_next(workspaces):
    """Ten thousand runs of another delay it by one turn."""
    noisy, late, _ = workspaces
    crowd(noisy, 10_000)
    turns = Turns()
    assert set(served(turns, 20)) == {noisy.id}
    set_up_run(late)
    set_up_run(late)
    assert served(turns, 4) == [late.id, noisy.id, late.id, noisy.id]


def test_a_workspace_before_the_one_served_last_has_its_turn_when_the_round_is_over(workspaces):
    early, middle, last = workspaces
    crowd(last, 100)
    turns = Turns()
    served(turns, 3)
    set_up_run(early)
    set_up_run(middle)
    assert served(turns, 4) == [early.id, middle.id, last.id, last.id]


def test_a_full_workspace_passes_its_turn_on(workspaces):
    full, first, second = workspaces
    for workspace in workspaces:
        crowd(workspace, 20)
    set_cap(workspace_subject(full.id), slots=2)
    order = served(Turns(), 10)
    assert order == [full.id, first.id, second.id, full.id, first.id, second.id, *[first.id, second.id] * 2]


def test_processes_with_turns_of_their_own_share_the_work(workspaces):
    """Eight processes, each with its own cursor: nobody is left out, and no run is taken twice."""
    for workspace in workspaces:
        crowd(workspace, 80)
    taken = together(*[lambda: served(Turns(), 15)] * 8)
    counted = Counter(workspace_id for some in taken for workspace_id in some)
    assert sum(counted.values()) == 120
    assert max(counted.values()) - min(counted.values()) <= 8
    assert set(Run.objects.filter(status="running").values_list("lease_epoch", "attempt")) == {(1, 1)}


def test_two_processes_do_not_disturb_each_others_rounds(workspaces):
    for workspace in workspaces:
        crowd(workspace, 40)
    one, other = Turns(), Turns()
    assert served(one, 2) == [workspaces[0].id, workspaces[1].id]
    assert served(other, 4) == [workspaces[0].id, workspaces[1].id, workspaces[2].id, workspaces[0].id]
    assert served(one, 2) == [workspaces[2].id, workspaces[0].id]


def test_held_and_quarantined_runs_are_never_taken(workspaces):
    held, suspect, free = workspaces
    for workspace in workspaces:
        crowd(workspace, 10)
    Run.objects.filter(workspace=held).update(held=True)
    Run.objects.filter(workspace=suspect).update(quarantined=True)
    assert served(Turns(), 20) == [free.id] * 10
    assert set(Run.objects.exclude(workspace=free).values_list("status", "lease_epoch", "event_seq")) == {
        ("queued", 0, 1)
    }


def test_keys_have_lanes_of_their_own(support):
    """A key at its cap with thousands of runs in front: the next key's are taken in their order."""
    first = crowd(support, 2_000)
    Run.objects.update(api_key_id=as_uuid("Ab12Cd34"))
    behind = [set_up_run(support) for _ in range(3)]
    set_cap(workspace_subject(support.id), slots=100)
    set_cap(agent_subject(support.id, "docs"), slots=100)
    set_cap(Subject(support.id, CapKind.KEY, as_uuid("Ab12Cd34")), slots=1)
    served(Turns(), 10)
    started = Run.objects.filter(status="running").order_by("started_at").values_list("id", flat=True)
    assert list(started) == [first.id, *(run.id for run in behind)]


# How long a claim takes, whatever is queued: on the engine's own connection, prepared, as in production.

FLAT_MS = 5.0
"""Far above the measured 0.3 ms, for machines that are busy; what walks a queue of ten thousand is slower."""


@contextmanager
def engine() -> Iterator["psycopg.Connection[dict[str, Any]]"]:
    with psycopg.connect(**connection_parameters(), autocommit=True, row_factory=dict_row) as link:
        yield link


def median_ms(many: int = 40) -> float:
    """Of that many claims in a row, once the statement is prepared."""
    worker, after, times = make_worker(), UUID(int=0), []
    with engine() as link:
        for _ in range(many + 10):
            began = time.perf_counter()
            row = link.execute(CLAIM, {"worker": worker, "after": after}).fetchone()
            times.append(1000 * (time.perf_counter() - began))
            assert row is not None
            after = row["workspace_id"]
    return statistics.median(times[10:])


@pytest.mark.parametrize("many", [1, 100, 1000])
def test_the_claim_is_as_quick_with_many_workspaces_queued(many):
    template = set_up_run(Workspace.objects.create(slug="first", name="First"))
    others = Workspace.objects.bulk_create(Workspace(slug=f"other-{n}", name="Other") for n in range(many - 1))
    for workspace in others:
        copy_run(template, 10, workspace_id=f"'{workspace.id}'::uuid")
    copy_run(template, 10_000)
    analyze()
    assert median_ms() < FLAT_MS


def test_the_claim_is_as_quick_behind_ten_thousand_runs_of_a_full_agent(support):
    crowd(support, 10_000, "slow")
    crowd(support, 100, "quick")
    set_cap(agent_subject(support.id, "slow"), slots=0)
    analyze()
    assert median_ms() < FLAT_MS
    assert set(Run.objects.filter(status="running").values_list("agent__slug", flat=True)) == {"quick"}


def test_the_claim_is_as_quick_behind_thousands_that_were_claimed(support):
    """Rows that have left the queue leave dead entries in its index; reading past them must not add up."""
    crowd(support, 3_000)
    first = median_ms(100)
    median_ms(2_500)
    assert median_ms(100) < 3 * first + 1


def test_the_engines_pool_prepares_the_claim_with_one_plan_for_all(support):
    crowd(support, 50)
    analyze()
    worker = make_worker()

    async def plans() -> Any:
        async with new_pool(1) as pool:
            for _ in range(40):
                await Turns().claim_next(pool, worker)
            return await fetch_one(pool, "SELECT generic_plans, custom_plans FROM pg_prepared_statements", {})

    found = asyncio.run(plans())
    assert found["custom_plans"] <= 10  # five to try, and one after each ANALYZE that autovacuum may do meanwhile
    assert found["generic_plans"] >= 25


def test_turns_move_only_when_something_was_taken(workspaces):
    first, second, _ = workspaces
    runs = [set_up_run(first), set_up_run(second)]
    turns = Turns()
    assert served(turns, 5) == [first.id, second.id]
    for run in runs:
        finish(run)
    set_up_run(first)
    set_up_run(second)
    assert served(turns, 2) == [first.id, second.id]


def test_nothing_is_taken_when_nothing_is_queued(support):
    make_agent(support)
    assert served(Turns(), 3) == []
