"""Notes: an agent's memory is a context like any other."""

import pytest

from apps.contexts.exceptions import InvalidChange, StaleVersion
from apps.contexts.models import Version
from apps.contexts.selectors import effective_entries
from apps.contexts.services import write_note
from apps.core.ids import new_id


def test_it_works(case):
    run_id = new_id()
    version = write_note(case, text="Ms Roe prefers e-mail.", key="preference", run_id=run_id, step_n=4)
    assert (version.number, version.author, version.run_id, version.step_n) == (1, "agent", run_id, 4)
    [entry] = effective_entries(case)
    assert (entry.key, entry.kind, entry.source, entry.trust) == ("preference", "memory", "agent", "low")


def test_the_same_note_again_changes_nothing(case):
    first = write_note(case, text="Once.")
    assert write_note(case, text="Once.") == first
    assert Version.objects.filter(context=case).count() == 1
    write_note(case, text="Twice.")
    assert len(effective_entries(case)) == 2


def test_a_note_under_a_key_replaces_the_one_before(case):
    write_note(case, text="Old.", key="k")
    write_note(case, text="New.", key="k")
    assert [(entry.key, entry.valid_from) for entry in effective_entries(case)] == [("k", 2)]


def test_a_stale_or_broken_note_is_refused(case):
    write_note(case, text="Old.", key="k")
    with pytest.raises(StaleVersion):
        write_note(case, text="New.", key="k", expected_version=0)
    with pytest.raises(InvalidChange):
        write_note(case, text="half \ud800")
    assert Version.objects.filter(context=case).count() == 1
