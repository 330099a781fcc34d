"""Writers that meet: the branch's row makes them queue."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.contexts.changes import Author, Put
from apps.contexts.documents.services import ingest
from apps.contexts.exceptions import ContextCycle, ContextExists, StaleVersion
from apps.contexts.models import FOREVER, Chunk, Context, Document, Entry, Version
from apps.contexts.selectors import effective_entries
from apps.contexts.services import commit_entries, create_context, move_context
from tests.integration.contexts.ingesting import upload
from workers.batch.pipeline import advance_ingest

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 20


@pytest.fixture
def case() -> Context:
    workspace = Workspace.objects.create(slug="acme", name="Acme")
    return create_context(workspace.id, path="case")


def together(*actions: Callable[[], Any]) -> list[Any]:
    """What each action returned or raised when all began at the same moment, each on its own connection."""
    barrier = Barrier(len(actions), timeout=10)

    def act(action: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return action()
        except (StaleVersion, ContextExists, ContextCycle) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def test_of_two_writers_at_one_version_one_wins(case):
    for number in range(ROUNDS):
        results = together(
            *(
                lambda who=who, number=number: commit_entries(
                    case, [Put("k", f"{who} {number}")], by=Author(who), expected_version=number
                )
                for who in ("alice", "bob")
            )
        )
        winners = [result for result in results if isinstance(result, Version)]
        losers = [result for result in results if isinstance(result, StaleVersion)]
        assert (len(winners), len(losers)) == (1, 1)
        assert losers[0].details == {"expected_version": number, "current_version": number + 1}
    assert Version.objects.filter(context=case).count() == ROUNDS


def test_writers_without_an_expectation_queue_and_lose_nothing(case):
    def write(who: str) -> Callable[[], None]:
        def run() -> None:
            for n in range(ROUNDS):
                commit_entries(case, [Put(f"{who}-{n}", "x"), Put("shared", f"{who} {n}")], by=Author(who))

        return run

    together(write("alice"), write("bob"))
    numbers = Version.objects.filter(context=case).order_by("number").values_list("number", "parent")
    assert list(numbers) == [(n, n - 1) for n in range(1, 2 * ROUNDS + 1)]
    assert len(effective_entries(case)) == 2 * ROUNDS + 1
    shared = (
        Entry.objects.filter(context=case, key="shared").order_by("valid_from").values_list("valid_from", "valid_to")
    )
    ranges = list(shared)
    assert [end for _, end in ranges] == [start for start, _ in ranges[1:]] + [FOREVER]


def test_two_moves_make_no_circle():
    workspace = Workspace.objects.create(slug="acme", name="Acme")
    for n in range(ROUNDS):
        one = create_context(workspace.id, path=f"a{n}")
        two = create_context(workspace.id, path=f"b{n}")
        together(
            lambda one=one, n=n: move_context(one, path=f"b{n}/x"),
            lambda two=two, n=n: move_context(two, path=f"a{n}/y"),
        )
        for moved in (one, two):
            moved.refresh_from_db()
            assert names_up_to_the_root(moved) == moved.path


def names_up_to_the_root(context: Context) -> str:
    names: list[str] = []
    node: Context | None = context
    while node is not None and len(names) < 10:
        names.insert(0, node.name)
        node = node.parent
    return "/".join(names)


def test_workers_of_one_job_do_each_document_once(case, settings):
    settings.CEF_EMBEDDER = "hash"
    job = ingest(case, [upload(f"d{n}", f"Text number {n}. " * 20) for n in range(150)])

    def work() -> None:
        while advance_ingest(job.id):
            pass

    together(work, work, work)
    job.refresh_from_db()
    assert (job.state, job.total, job.done, job.failed) == ("finished", 150, 150, 0)
    assert set(job.items.values_list("attempts", flat=True)) == {1}
    assert set(Document.objects.values_list("revision", "chunk_count")) == {(1, 1)}
    assert Chunk.objects.count() == 150


def test_the_same_path_is_made_once():
    workspace = Workspace.objects.create(slug="acme", name="Acme")
    for n in range(ROUNDS):
        results = together(*[lambda n=n: create_context(workspace.id, path=f"deep/{n}/leaf")] * 2)
        assert sorted(type(result).__name__ for result in results) == ["Context", "ContextExists"]
