"""The state machine of a run."""

import pytest

from apps.runs.states import ACTIVE, SOURCES, TERMINAL, RunStatus


def test_it_works() -> None:
    assert SOURCES[RunStatus.RUNNING] == {RunStatus.QUEUED}
    assert SOURCES[RunStatus.SUCCEEDED] == {RunStatus.RUNNING}


def test_every_state_is_either_active_or_terminal() -> None:
    assert frozenset(RunStatus) == ACTIVE | TERMINAL
    assert not ACTIVE & TERMINAL


def test_only_a_failed_run_leaves_a_terminal_state() -> None:
    leaving = {source for sources in SOURCES.values() for source in sources} & TERMINAL
    assert leaving == {RunStatus.FAILED}
    assert [to for to, sources in SOURCES.items() if RunStatus.FAILED in sources] == [RunStatus.QUEUED]


@pytest.mark.parametrize("status", RunStatus)
def test_no_state_leads_to_itself(status: RunStatus) -> None:
    assert status not in SOURCES[status]
