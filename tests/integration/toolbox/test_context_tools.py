"""The built-in tools that read and write contexts, over the mounts of a run and nothing else."""

from typing import Any

import pytest

from apps.contexts.models import Context, Entry, Version
from apps.contexts.selectors import effective_entries
from apps.contexts.services import create_context
from apps.tools.definitions import MountRef, ToolCall
from apps.tools.exceptions import ToolFailed, ToolInputInvalid
from tests.integration.accounts.people import make_workspace
from tests.integration.contexts.ingesting import ingest_now, upload
from tests.unit.tools.calls import a_call, run_tool
from workers.toolbox import note, open_reference, search_context

pytestmark = pytest.mark.django_db(transaction=True)

REFUNDS = "Refunds are paid within fourteen days of the return."
SECRET = "Refunds of board members are paid at once."


@pytest.fixture(autouse=True)
def _hash_embedder(settings: Any) -> None:
    settings.CEF_EMBEDDER = "hash"


@pytest.fixture
def handbook(transactional_db: None) -> Context:
    context = create_context(make_workspace("support").id, path="handbook")
    ingest_now(context, upload("refunds.md", REFUNDS, title="Refund policy"))
    return context


@pytest.fixture
def secrets(handbook: Context) -> Context:
    context = create_context(handbook.workspace_id, path="secrets")
    ingest_now(context, upload("board.md", SECRET))
    return context


@pytest.fixture
def foreign(transactional_db: None) -> Context:
    context = create_context(make_workspace("sales").id, path="handbook")
    ingest_now(context, upload("board.md", SECRET))
    return context


def call_over(*contexts: Context, access: str = "read") -> ToolCall:
    mounts = tuple(MountRef(context.id, None, access) for context in contexts)  # type: ignore[arg-type]
    return a_call(workspace_id=contexts[0].workspace_id, mounts=mounts)


def test_a_search_finds_passages_with_references_that_open(handbook: Context) -> None:
    call = call_over(handbook)
    (passage,) = run_tool(search_context, call, query="When are refunds paid?")["passages"]
    assert (passage["title"], passage["text"]) == ("Refund policy", REFUNDS)
    assert passage["ref"].startswith("doc:")
    opened = run_tool(open_reference, call, ref=passage["ref"])
    assert opened == {
        "ref": passage["ref"],
        "title": "Refund policy",
        "text": REFUNDS,
        "start": 0,
        "end": len(REFUNDS),
        "total": len(REFUNDS),
        "next_start": None,
    }
    assert run_tool(open_reference, call, ref=passage["ref"], start=0, end=7)["text"] == "Refunds"


def test_only_mounted_contexts_are_searched_and_opened(handbook: Context, secrets: Context, foreign: Context) -> None:
    found = run_tool(search_context, call_over(handbook), query="refunds of board members")["passages"]
    assert [passage["text"] for passage in found] == [REFUNDS]
    (hidden,) = run_tool(search_context, call_over(secrets), query="refunds")["passages"]
    (theirs,) = run_tool(search_context, call_over(foreign), query="refunds")["passages"]
    for ref in (hidden["ref"], theirs["ref"]):
        with pytest.raises(ToolFailed) as caught:
            run_tool(open_reference, call_over(handbook), ref=ref)
        assert caught.value.code == "reference_not_found"


def test_a_mount_of_another_workspace_opens_nothing(handbook: Context, foreign: Context) -> None:
    """Even a binding that went wrong cannot reach over: the workspace is a condition of every query."""
    call = a_call(workspace_id=handbook.workspace_id, mounts=(MountRef(foreign.id, None, "write"),))
    assert run_tool(search_context, call, query="refunds") == {"passages": []}
    with pytest.raises(ToolFailed) as caught:
        run_tool(note, call, text="mine now")
    assert caught.value.code == "context_not_found"
    assert not Version.objects.filter(context=foreign).exists()


def test_a_search_without_contexts_says_so(handbook: Context) -> None:
    with pytest.raises(ToolFailed) as caught:
        run_tool(search_context, a_call(workspace_id=handbook.workspace_id), query="refunds")
    assert caught.value.code == "no_context"


@pytest.mark.parametrize("ref", ["refunds.md", "doc:1@1:0-1", ""])
def test_a_reference_must_look_like_one(handbook: Context, ref: str) -> None:
    with pytest.raises(ToolInputInvalid):
        run_tool(open_reference, call_over(handbook), ref=ref)


def test_a_note_is_written_once_however_often_it_is_tried(handbook: Context) -> None:
    recorded: list[Any] = []

    class Ledger:
        def begin(self) -> None: ...

        def record(self, result: Any) -> None:
            recorded.append(result)

    mounts = (MountRef(handbook.id, None, "write"),)
    call = a_call(workspace_id=handbook.workspace_id, mounts=mounts, ledger=Ledger())
    first = run_tool(note, call, text="The customer prefers mail.", key="contact")
    again = run_tool(note, call, text="The customer prefers mail.", key="contact")
    assert first == again == {"context": "handbook", "key": "contact", "version": 1}
    assert recorded == [first, first]
    (entry,) = effective_entries(handbook)
    assert (entry.key, Entry.objects.count()) == ("contact", 1)
    version = Version.objects.get()
    assert version.run_id == call.run_id


def test_a_note_whose_effect_cannot_be_recorded_is_not_written(handbook: Context) -> None:
    class Lost(BaseException):
        pass

    class Ledger:
        def begin(self) -> None: ...

        def record(self, result: Any) -> None:
            raise Lost

    mounts = (MountRef(handbook.id, None, "write"),)
    with pytest.raises(Lost):
        run_tool(note, a_call(workspace_id=handbook.workspace_id, mounts=mounts, ledger=Ledger()), text="lost")
    assert not Version.objects.exists()


def test_a_context_that_is_only_read_takes_no_notes(handbook: Context) -> None:
    with pytest.raises(ToolFailed) as caught:
        run_tool(note, call_over(handbook), text="graffiti")
    assert caught.value.code == "no_memory"
    assert not Version.objects.exists()
