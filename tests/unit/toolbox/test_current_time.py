"""The time is told for a place."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.tools.exceptions import ToolInputInvalid
from tests.unit.tools.calls import run_tool
from workers.toolbox.current_time import current_time


def test_it_tells_the_time_of_a_place() -> None:
    told = run_tool(current_time, timezone="Asia/Kolkata")
    moment = datetime.fromisoformat(told["time"])
    assert moment.utcoffset() == timedelta(hours=5, minutes=30)
    assert abs(moment - datetime.now(UTC)) < timedelta(seconds=10)
    assert told["weekday"] == moment.strftime("%A")
    assert told["unix"] == int(moment.timestamp())
    assert told["timezone"] == "Asia/Kolkata"


def test_the_default_is_utc() -> None:
    assert run_tool(current_time)["time"].endswith("+00:00")


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "", "Europe", "a\0b"])
def test_a_place_without_a_clock_is_refused(name: str) -> None:
    with pytest.raises(ToolInputInvalid, match="There is no time zone"):
        run_tool(current_time, timezone=name)
