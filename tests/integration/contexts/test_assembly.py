"""Assembling a prompt from the database, and the same prompt again from its manifest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.contexts.assembly import AssemblyRequest, Mount, assemble, read_manifest, rebuild
from apps.contexts.assembly.candidates import Layer
from apps.contexts.changes import Hide, Put
from apps.contexts.exceptions import ContextNotFound, PinsDoNotFit, VersionNotFound
from apps.contexts.kinds import ContentType, EntryKind, Source
from apps.contexts.models import Document
from apps.contexts.references import open_reference
from apps.contexts.selectors import head_versions
from apps.contexts.services import commit_entries, create_context, write_note
from apps.core.ids import new_id
from tests.integration.contexts.ingesting import ingest_now, upload


def ask(workspace, *mounts: Mount, **fields) -> AssemblyRequest:
    defaults = {
        "budget_tokens": 2_000,
        "instructions": "Be brief.",
        "query": "refunds",
        "question": "When are refunds paid?",
    }
    return AssemblyRequest(workspace_id=workspace.id, mounts=mounts, **(defaults | fields))


def test_it_works(workspace, support, case, alice):
    commit_entries(
        support,
        [
            Put("tone", "Warm.", source=Source.DEVELOPER, kind=EntryKind.INSTRUCTION, pinned=True),
            Put("limits", {"days": 14}, ContentType.JSON, title="Deadlines"),
        ],
        by=alice,
    )
    commit_entries(case, [Put("customer", "Ms Roe")], by=alice)
    ingest_now(support, upload("refunds.txt", "Refunds are paid within fourteen days.", title="Refunds"))
    assembly = assemble(ask(workspace, Mount(case.id)))
    places = {"limits": f"{support.id}#limits", "customer": f"{case.id}#customer"}
    slow = {"limits": '## Deadlines\n{"days":14}\n\n', "customer": "## customer\nMs Roe\n\n"}
    assert assembly.stable == "Be brief.\n\n## tone\nWarm.\n\n" + "".join(
        slow[key] for key in sorted(slow, key=places.__getitem__)
    )
    assert assembly.tail == "## Refunds\nRefunds are paid within fourteen days.\n\nWhen are refunds paid?\n\n"
    document = Document.objects.get()
    retrieved = [item for item in assembly.manifest.items if item.source == "retrieval"]
    assert [(item.ref, item.cut, item.version) for item in retrieved] == [(f"doc:{document.id}@1:0-38", (0, 38), 1)]


def test_without_mounts_no_query_is_made(workspace, django_assert_num_queries):
    with django_assert_num_queries(0):
        assembly = assemble(ask(workspace))
    assert (assembly.stable, assembly.tail) == ("Be brief.\n\n", "When are refunds paid?\n\n")
    assert [item.reason for item in assembly.manifest.items] == ["pinned", "pinned"]


def test_with_mounts_the_queries_do_not_grow_with_the_entries(workspace, case, alice, django_assert_num_queries):
    commit_entries(case, [Put(f"k{n}", f"text {n}") for n in range(50)], by=alice)
    with django_assert_num_queries(4):  # contexts, branches, entries, contents
        assemble(ask(workspace, Mount(case.id), query=""))


def test_the_prompt_is_rebuilt_byte_for_byte_after_everything_changed(workspace, case, alice):
    commit_entries(
        case,
        [Put("a", "First\n"), Put("big", "word " * 3_000, summary="Words."), Put("huge", "term " * 3_000)],
        by=alice,
    )
    ingest_now(case, upload("refunds.txt", "Refunds are paid late. " * 100))
    request = ask(workspace, Mount(case.id))
    assembly = assemble(request)
    assert {item.mode for item in assembly.manifest.items} == {"full", "summary", "stub"}
    commit_entries(case, [Put("a", "Second"), Put("big", "tiny", summary="No."), Put("huge", "tiny too")], by=alice)
    ingest_now(case, upload("refunds.txt", "Nothing about money."))
    manifest = read_manifest(assembly.manifest.data, fetch={}.__getitem__)
    again = rebuild(workspace.id, manifest, spoken=[request.instructions, request.question])
    assert (again.stable, again.tail) == (assembly.stable, assembly.tail)


def test_the_stable_region_stays_when_only_the_tail_changes(workspace, case, alice):
    memory = create_context(workspace.id, path="memory")
    commit_entries(case, [Put(f"k{n}", f"text {n} " * 20) for n in range(20)], by=alice)
    request = ask(workspace, Mount(case.id), Mount(memory.id, access="write"), budget_tokens=5_000)
    first = assemble(request)
    write_note(memory, text="The customer is called Roe.", run_id=new_id(), step_n=2)
    second = assemble(replace(request, previous=first.manifest, question="And now?"))
    assert second.stable == first.stable
    assert second.tail.startswith("## note-")
    assert (second.manifest.base, second.manifest.kept_items) == (first.manifest.digest, 21)
    assert len(second.manifest.data) < len(first.manifest.data) / 4
    stored = {first.manifest.digest: first.manifest.data}
    assert read_manifest(second.manifest.data, stored.__getitem__).items == second.manifest.items


def test_a_frozen_run_sees_nothing_of_later_commits(workspace, support, case, alice):
    commit_entries(support, [Put("tone", "Warm.")], by=alice)
    frozen = head_versions([case.id])
    request = ask(workspace, Mount(case.id, frozen[case.id]), frozen=frozen)
    before = assemble(request)
    commit_entries(support, [Put("tone", "Cold.")], by=alice)
    commit_entries(case, [Put("own", "New.")], by=alice)
    assert assemble(request).stable == before.stable == "Be brief.\n\n## tone\nWarm.\n\n"
    live = assemble(ask(workspace, Mount(case.id)))
    assert "Cold." in live.stable
    assert "New." in live.stable


def test_a_mount_pinned_by_hand_reads_its_ancestors_as_they_were(workspace, support, case, alice):
    commit_entries(support, [Put("tone", "Warm.")], by=alice)
    old = commit_entries(case, [Put("own", "1")], by=alice)
    commit_entries(support, [Put("tone", "Cold.")], by=alice)
    assert "Warm." in assemble(ask(workspace, Mount(case.id, old.number))).stable


def test_what_an_agent_may_write_stands_in_the_tail(workspace, case, alice):
    commit_entries(case, [Put("pinned", "Always.", pinned=True), Put("loose", "Sometimes.")], by=alice)
    assembly = assemble(ask(workspace, Mount(case.id, access="write"), query=""))
    assert assembly.stable == "Be brief.\n\n## pinned\nAlways.\n\n"
    assert assembly.tail == "## loose\nSometimes.\n\nWhen are refunds paid?\n\n"
    assert [item.layer for item in assembly.manifest.items] == [
        Layer.INSTRUCTIONS,
        Layer.MEMORY_PINNED,
        Layer.TAIL,
        Layer.QUESTION,
    ]


def test_hidden_and_expired_entries_stay_out(workspace, support, case, alice):
    past, future = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    commit_entries(support, [Put("secret", "Hush.")], by=alice)
    commit_entries(
        case, [Hide("secret"), Put("old", "Gone.", expires_at=past), Put("new", "Here.", expires_at=future)], by=alice
    )
    assembly = assemble(ask(workspace, Mount(case.id), query=""))
    assert assembly.stable == "Be brief.\n\n## new\nHere.\n\n"
    assert [(item.title, item.reason) for item in assembly.manifest.omitted] == [("old", "expired")]


def test_a_context_mounted_twice_over_is_printed_once(workspace, support, case, alice):
    commit_entries(support, [Put("tone", "Warm.")], by=alice)
    assembly = assemble(ask(workspace, Mount(case.id), Mount(support.id), query=""))
    assert assembly.stable.count("Warm.") == 1


def test_pins_that_do_not_fit_are_refused(workspace, case, alice):
    commit_entries(case, [Put("law", "Thou shalt. " * 100, pinned=True)], by=alice)
    with pytest.raises(PinsDoNotFit) as caught:
        assemble(ask(workspace, Mount(case.id), budget_tokens=100))
    assert f"ctx:{case.id}@1#law" in [offender["ref"] for offender in caught.value.details["offenders"]]


def test_a_share_holds_for_entries_and_passages_together(workspace, case, alice):
    commit_entries(case, [Put(f"k{n}", f"text number {n} " * 10) for n in range(20)], by=alice)
    ingest_now(case, upload("refunds.txt", "Refunds are paid late. " * 200))
    assembly = assemble(ask(workspace, Mount(case.id, share=0.25), budget_tokens=2_000))
    spent = sum(item.tokens for item in assembly.manifest.items if item.reason != "pinned")
    assert 300 < spent <= 500


def test_history_takes_its_part_of_the_budget(workspace, case, alice):
    commit_entries(case, [Put("long", "word " * 500)], by=alice)
    request = ask(workspace, Mount(case.id), query="", budget_tokens=600)
    assert assemble(request).manifest.items[1].mode == "full"
    assert assemble(replace(request, history_tokens=400)).manifest.items[1].mode == "stub"


def test_a_stub_can_be_opened(workspace, case, alice):
    commit_entries(case, [Put("long", "word " * 500)], by=alice)
    assembly = assemble(ask(workspace, Mount(case.id), query="", budget_tokens=200))
    [stub] = [item for item in assembly.manifest.items if item.mode == "stub"]
    assert stub.ref in assembly.stable
    passage = open_reference(workspace.id, stub.ref, allowed_context_ids=[case.id])
    assert passage.text == "word " * 500


def test_foreign_and_unknown_mounts_are_refused(workspace, stranger, case):
    with pytest.raises(ContextNotFound):
        assemble(ask(stranger, Mount(case.id)))
    with pytest.raises(VersionNotFound):
        assemble(ask(workspace, Mount(case.id, 9)))


def test_other_tokenizers_count_for_themselves(workspace, case, alice):
    commit_entries(case, [Put("a", "alpha beta gamma")], by=alice)
    ingest_now(case, upload("refunds.txt", "Refunds are paid late."))
    counts = {
        tokenizer: assemble(ask(workspace, Mount(case.id), tokenizer=tokenizer)).tokens
        for tokenizer in ("o200k_base", "cl100k_base", "estimate")
    }
    text = assemble(ask(workspace, Mount(case.id)))
    assert counts["estimate"] >= (len(text.stable) + len(text.tail)) // 4
    assert all(counts.values())
