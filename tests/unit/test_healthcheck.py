"""What a container's health check believes of the clock's schedule."""

import os
import runpy
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.local.folders import PROJECT

Beat = Callable[[str], bool]


@pytest.fixture(scope="module")
def beat() -> Beat:
    found: Beat = runpy.run_path(str(PROJECT / "deploy" / "healthcheck.py"))["beat"]
    return found


def _written(path: Path, *, seconds_ago: float) -> None:
    path.touch()
    os.utime(path, (time.time() - seconds_ago,) * 2)


@pytest.mark.parametrize(("seconds_ago", "healthy"), [(60, True), (3600, False)])
def test_a_schedule_must_be_young(tmp_path: Path, beat: Beat, seconds_ago: float, healthy: bool) -> None:
    _written(tmp_path / "schedule", seconds_ago=seconds_ago)
    assert beat(str(tmp_path / "schedule")) is healthy


def test_a_schedule_whose_database_writes_to_its_log_is_young(tmp_path: Path, beat: Beat) -> None:
    _written(tmp_path / "schedule", seconds_ago=3600)
    _written(tmp_path / "schedule-wal", seconds_ago=60)
    assert beat(str(tmp_path / "schedule"))


def test_a_clock_that_wrote_nothing_is_ill(tmp_path: Path, beat: Beat) -> None:
    assert not beat(str(tmp_path / "schedule"))
