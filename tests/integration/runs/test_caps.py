"""Caps: never passed, not even by racing claims, and no place is lost."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from apps.accounts.keys import as_uuid
from apps.accounts.models import Workspace
from apps.core.exceptions import InvalidInput, NotFound
from apps.core.ids import new_id
from apps.runs.caps import Subject, agent_subject, key_subject, workspace_subject
from apps.runs.exceptions import AbovePlatformCap, CapBusy, CapNotFound
from apps.runs.models import Cap, Run, Slot
from apps.runs.models.cap import CapKind
from apps.runs.services import cancel_run
from apps.runs.services.caps import give_default_caps, heal_caps, remove_cap, set_cap, set_own_cap
from apps.runs.services.request import Origin
from apps.runs.statements import CLAIM, CLAIM_QUARANTINED, SWEEP
from apps.runs.states import RunStatus
from tests.integration.runs.crowds import copy_run
from tests.integration.runs.engine_pool import through_the_engine
from tests.integration.runs.world import claim, end_lease, finish, make_agent, make_worker, one, set_up_run, together

pytestmark = pytest.mark.django_db(transaction=True)

KEY = Origin(kind="user", id=UUID(int=1), api_key_id=as_uuid("Ab12Cd34"))


def places(cap: Cap) -> list[tuple[int, UUID | None]]:
    return list(Slot.objects.filter(cap=cap).order_by("n").values_list("n", "run_id"))


def claimed(worker: UUID | None = None) -> UUID | None:
    row = claim(worker)
    return None if row is None else row["id"]


def test_it_works(support):
    runs = [set_up_run(support) for _ in range(3)]
    cap = set_cap(workspace_subject(support.id), slots=2)
    assert (cap.kind, cap.subject_id, cap.slots) == ("workspace", support.id, 2)
    assert [claimed(), claimed(), claimed()] == [runs[0].id, runs[1].id, None]
    assert places(cap) == [(1, runs[0].id), (2, runs[1].id)]
    finish(runs[0])
    assert places(cap) == [(1, None), (2, runs[1].id)]
    assert [claimed(), claimed()] == [runs[2].id, None]
    assert places(cap) == [(1, runs[2].id), (2, runs[1].id)]


def test_a_claim_says_whether_the_run_holds_a_place(support, sales):
    set_up_run(support)
    set_up_run(sales)
    set_cap(workspace_subject(sales.id), slots=2)
    rows = [claim(), claim()]
    assert {row["workspace_id"]: row["capped"] for row in rows if row} == {support.id: False, sales.id: True}


def test_slow_runs_of_a_capped_agent_do_not_block_quick_ones(support):
    slow = [set_up_run(support, "slow") for _ in range(3)]
    quick = [set_up_run(support, "quick") for _ in range(3)]
    set_cap(agent_subject(support.id, "slow"), slots=1)
    assert [claimed() for _ in range(5)] == [slow[0].id, *(run.id for run in quick), None]


def test_a_cap_of_an_agent_counts_all_its_versions_and_no_other_agent(support, sales):
    set_up_run(support, "docs")
    set_up_run(sales, "docs")
    set_cap(agent_subject(support.id, "docs"), slots=0)
    assert claimed() == Run.objects.get(workspace=sales).id
    assert claimed() is None


def with_key(workspace: Workspace, many: int = 2) -> list[Run]:
    runs = [set_up_run(workspace) for _ in range(many)]
    Run.objects.filter(id__in=[run.id for run in runs]).update(api_key_id=KEY.api_key_id)
    return runs


def test_a_cap_of_a_key(support):
    keyed, free = with_key(support), set_up_run(support)
    set_cap(Subject(support.id, CapKind.KEY, KEY.api_key_id), slots=1)
    assert [claimed(), claimed(), claimed()] == [keyed[0].id, free.id, None]


def test_all_caps_of_a_run_must_have_room(support):
    """Each cap that has room while another is full keeps its place."""
    first, second = with_key(support)
    caps = [
        set_cap(workspace_subject(support.id), slots=5),
        set_cap(agent_subject(support.id, "docs"), slots=2),
        set_cap(Subject(support.id, CapKind.KEY, KEY.api_key_id), slots=1),
    ]
    assert [claimed(), claimed()] == [first.id, None]
    assert [Counter(run_id for _, run_id in places(cap)) for cap in caps] == [
        {first.id: 1, None: 4},
        {first.id: 1, None: 1},
        {first.id: 1},
    ]
    finish(first)
    assert claimed() == second.id
    assert Slot.objects.filter(run_id=second.id).count() == 3


def test_a_run_that_leaves_its_worker_in_any_way_gives_its_place_back(support):
    cap = set_cap(workspace_subject(support.id), slots=1)
    run, worker = set_up_run(support), make_worker()
    assert claimed(worker) == run.id
    end_lease(worker)
    one(SWEEP)
    assert places(cap) == [(1, None)]
    assert claimed() == run.id
    finish(run, RunStatus.FAILED)
    assert places(cap) == [(1, None)]
    cancel_run(support.id, set_up_run(support).id)
    assert places(cap) == [(1, None)]


def test_a_suspect_takes_no_place(support):
    """It runs alone in a process of its own, whatever the caps."""
    run = set_up_run(support)
    Run.objects.update(quarantined=True)
    cap = set_cap(workspace_subject(support.id), slots=1)
    row = one(CLAIM_QUARANTINED, {"worker": make_worker()})
    assert row is not None
    assert (row["id"], row["capped"], places(cap)) == (run.id, False, [(1, None)])


def test_growing_adds_places(support):
    for _ in range(5):
        set_up_run(support)
    cap = set_cap(workspace_subject(support.id), slots=1)
    claimed()
    assert set_cap(workspace_subject(support.id), slots=3).id == cap.id
    assert [claimed() is not None for _ in range(3)] == [True, True, False]
    assert Cap.objects.get().slots == 3


def test_shrinking_lets_running_runs_end(support):
    runs = [set_up_run(support) for _ in range(6)]
    cap = set_cap(workspace_subject(support.id), slots=4)
    for _ in range(4):
        claimed()
    set_cap(workspace_subject(support.id), slots=2)
    assert [n for n, run_id in places(cap) if run_id] == [1, 2, 3, 4]
    # The first to end holds a place within the cap: still three are running, and two may be.
    finish(runs[0])
    assert claimed() is None
    finish(runs[3])
    assert claimed() is None
    finish(runs[1])
    assert [claimed(), claimed()] == [runs[4].id, None]
    finish(runs[2])
    heal_caps()
    assert [n for n, _ in places(cap)] == [1, 2]


def test_shrinking_moves_who_sits_beyond_to_a_free_place(support):
    """Otherwise one slow run on the last place would keep all others waiting."""
    runs = [set_up_run(support) for _ in range(4)]
    cap = set_cap(workspace_subject(support.id), slots=3)
    for _ in range(3):
        claimed()
    finish(runs[0])
    set_cap(workspace_subject(support.id), slots=2)
    assert sorted(run_id for _, run_id in places(cap)) == sorted([runs[1].id, runs[2].id])
    assert claimed() is None
    finish(runs[1])
    assert claimed() == runs[3].id


def test_a_new_cap_counts_the_runs_that_are_running(support):
    runs = [set_up_run(support) for _ in range(5)]
    for _ in range(3):
        claimed()
    cap = set_cap(workspace_subject(support.id), slots=4)
    assert {run_id for _, run_id in places(cap)} == {runs[0].id, runs[1].id, runs[2].id, None}
    assert [claimed(), claimed()] == [runs[3].id, None]


def test_a_new_cap_below_what_is_running(support):
    runs = [set_up_run(support) for _ in range(4)]
    for _ in range(3):
        claimed()
    cap = set_cap(workspace_subject(support.id), slots=1)
    assert [n for n, _ in places(cap)] == [1, 2, 3]
    for run in runs[:2]:
        finish(run)
        assert claimed() is None
    finish(runs[2])
    assert claimed() == runs[3].id


def test_a_removed_cap_counts_nobody(support):
    for _ in range(3):
        set_up_run(support)
    cap = set_cap(workspace_subject(support.id), slots=1)
    claimed()
    remove_cap(support.id, cap.id)
    assert [claimed() is not None for _ in range(3)] == [True, True, False]
    assert (Slot.objects.count(), Cap.objects.count()) == (0, 0)
    with pytest.raises(CapNotFound):
        remove_cap(support.id, cap.id)


def test_nobody_removes_another_workspaces_cap(support, sales):
    cap = set_cap(workspace_subject(support.id), slots=1)
    with pytest.raises(CapNotFound):
        remove_cap(sales.id, cap.id)
    assert places(cap) == [(1, None)]


@pytest.mark.parametrize("slots", [-1, 10_001])
def test_what_is_no_cap(support, slots):
    with pytest.raises(InvalidInput, match="0 to 10000 slots"):
        set_cap(workspace_subject(support.id), slots=slots)
    assert not Cap.objects.exists()


def test_subjects_of_another_workspace_are_not_found(support, sales):
    make_agent(sales, slug="theirs")
    with pytest.raises(NotFound):
        agent_subject(support.id, "theirs")
    with pytest.raises(NotFound):
        key_subject(support.id, "Ab12Cd34")


def test_racing_claims_never_pass_a_cap_and_lose_no_place(support):
    """Eight connections claim and end runs as fast as they can, while the cap is watched and changed."""
    first = set_up_run(support)
    copy_run(first, 399)
    cap = set_cap(workspace_subject(support.id), slots=5)
    agents = set_cap(agent_subject(support.id, "docs"), slots=7)
    worker = make_worker()
    seen: list[int] = []

    def work() -> None:
        idle = 0
        while idle < 50:
            row = claim(worker)
            if row is None:
                idle += 1
                continue
            idle = 0
            seen.append(Run.objects.filter(status="running").count())
            finish(Run(id=row["id"]))

    failures = [failure for failure in together(*[work] * 8) if failure is not None]
    assert failures == []
    assert set(Run.objects.values_list("status", "lease_epoch")) == {("succeeded", 1)}
    assert max(seen) == 5
    assert places(cap) == [(n, None) for n in range(1, 6)]
    assert places(agents) == [(n, None) for n in range(1, 8)]


def test_racing_claims_fill_a_cap(support):
    """Whoever finds one place taken takes the next one: with work to do, no place stays empty."""
    for _ in range(12):
        set_up_run(support)
    cap = set_cap(workspace_subject(support.id), slots=8)
    rows = together(*[claim] * 8)
    assert len({row["id"] for row in rows}) == 8
    assert len({run_id for _, run_id in places(cap)}) == 8


def test_racing_claims_respect_who_sits_beyond(support):
    runs = [set_up_run(support) for _ in range(12)]
    for _ in range(4):
        claimed()
    set_cap(workspace_subject(support.id), slots=3)
    finish(runs[0])
    finish(runs[1])
    rows = together(*[claim] * 8)
    assert len([row for row in rows if row is not None]) == 1
    assert Run.objects.filter(status="running").count() == 3


def test_a_cap_made_while_runs_are_claimed_counts_each_of_them(support):
    """Claims that began before the cap was there are waited for; those that come later see it."""
    first = set_up_run(support)
    copy_run(first, 299)
    worker = make_worker()

    def work() -> None:
        while row := claim(worker):
            if Run.objects.filter(status="running").count() > 40:
                finish(Run(id=row["id"]))

    def cap_it() -> Cap:
        return set_cap(workspace_subject(support.id), slots=20)

    *_, cap = together(*[work] * 7, cap_it)
    running = set(Run.objects.filter(status="running").values_list("id", flat=True))
    assert len(running) >= 20
    assert {run_id for _, run_id in places(cap) if run_id} == running


def test_a_claim_that_waits_for_a_new_cap_sees_it(support):
    """The claim's snapshot is taken behind the lock, and not when the statement was sent."""
    set_up_run(support)
    with transaction.atomic():
        set_cap(workspace_subject(support.id), slots=0)
        (early,) = together(lambda: claim_with_timeout("200ms"))
        assert "lock timeout" in str(early)
    assert claimed() is None
    with transaction.atomic():
        set_cap(workspace_subject(support.id), slots=1)
    assert claimed() is not None


def claim_with_timeout(timeout: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{timeout}'")
    return claim(make_worker())


def test_a_cap_that_finds_no_entrance_says_so(support):
    """Somebody's open transaction has claimed a run: the cap waits, and gives up in the end."""
    set_up_run(support)
    with transaction.atomic():
        claimed()
        (refused,) = together(lambda: set_cap(workspace_subject(support.id), slots=1, patience_s=0.1))
    assert isinstance(refused, CapBusy)
    assert not Cap.objects.exists()


def test_a_place_that_nobody_gave_back_is_freed(support, sales):
    run, held = set_up_run(support), set_up_run(sales)
    cap, other = set_cap(workspace_subject(support.id), slots=1), set_cap(workspace_subject(sales.id), slots=1)
    Slot.objects.filter(cap=cap).update(run_id=run.id)
    assert claimed() == held.id
    assert claimed() is None
    assert heal_caps() == 1
    assert (places(cap), places(other)) == ([(1, None)], [(1, held.id)])
    assert heal_caps() == 0
    assert claimed() == run.id


def test_a_place_of_a_run_that_is_no_more_is_freed(support):
    cap = set_cap(workspace_subject(support.id), slots=1)
    Slot.objects.filter(cap=cap).update(run_id=new_id())
    assert heal_caps() == 1
    assert places(cap) == [(1, None)]


def test_healing_takes_nothing_from_runs_that_are_being_claimed(support):
    first = set_up_run(support)
    copy_run(first, 199)
    cap, worker = set_cap(workspace_subject(support.id), slots=4), make_worker()

    def work() -> None:
        while row := claim(worker):
            finish(Run(id=row["id"]))

    def heal() -> int:
        return sum(heal_caps() for _ in range(30))

    *_, healed = together(work, work, work, heal)
    assert healed == 0
    assert places(cap) == [(n, None) for n in range(1, 5)]


def test_workspaces_without_a_cap_get_the_platforms(support, sales, settings):
    settings.CEF_WORKSPACE_SLOTS = 3
    set_cap(workspace_subject(support.id), slots=1)
    set_up_run(sales)
    claimed()
    assert give_default_caps() == 1
    assert dict(Cap.objects.values_list("workspace_id", "slots")) == {support.id: 1, sales.id: 3}
    assert Slot.objects.filter(run_id__isnull=False).count() == 1
    assert give_default_caps() == 0


def test_by_default_nobody_is_capped(support):
    assert give_default_caps() == 0
    assert not Cap.objects.exists()


def test_a_workspaces_own_people_stay_below_the_platforms_cap(support, settings):
    make_agent(support)
    settings.CEF_WORKSPACE_SLOTS = 3
    with pytest.raises(AbovePlatformCap, match="At most 3 runs"):
        set_own_cap(workspace_subject(support.id), slots=4)
    assert set_own_cap(workspace_subject(support.id), slots=3).slots == 3
    assert set_own_cap(agent_subject(support.id, "docs"), slots=4).slots == 4


def test_the_engine_sends_the_claim_alike(support):
    run = set_up_run(support)
    cap = set_cap(workspace_subject(support.id), slots=1)
    row = through_the_engine(CLAIM, {"worker": make_worker(), "after": UUID(int=0)})
    assert row is not None
    assert (row["id"], row["capped"], places(cap)) == (run.id, True, [(1, run.id)])
