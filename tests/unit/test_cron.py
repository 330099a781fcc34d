"""When a schedule fires: cron expressions in time zones, and what happens when clocks are changed."""

from datetime import UTC, datetime

import pytest

from apps.runs.cron import in_words, next_fire, next_fires
from apps.runs.exceptions import InvalidSchedule

BERLIN = "Europe/Berlin"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


def fires(cron: str, timezone: str, after: datetime, count: int = 4) -> list[str]:
    return [moment.isoformat(" ", "minutes") for moment in next_fires(cron, timezone, after, count)]


def test_it_works() -> None:
    assert next_fire("30 9 * * MON-FRI", "UTC", utc(2026, 11, 27, 9, 30)) == utc(2026, 11, 30, 9, 30)
    assert next_fire("30 9 * * MON-FRI", "Asia/Tokyo", utc(2026, 11, 27, 9, 30)) == utc(2026, 11, 30, 0, 30)


def test_the_next_one_is_after_this_moment_to_the_microsecond() -> None:
    due = utc(2026, 11, 27, 9, 30)
    assert next_fire("30 9 * * *", "UTC", due) == utc(2026, 11, 28, 9, 30)
    assert next_fire("30 9 * * *", "UTC", due.replace(minute=29, second=59, microsecond=999_999)) == due
    assert next_fire("30 9 * * *", "UTC", due.replace(microsecond=1)) == utc(2026, 11, 28, 9, 30)


def test_times_are_read_in_the_time_zone_and_follow_its_summer() -> None:
    assert fires("0 9 * * *", BERLIN, utc(2026, 3, 27, 12), 3) == [
        "2026-03-28 09:00+01:00",
        "2026-03-29 09:00+02:00",
        "2026-03-30 09:00+02:00",
    ]


def test_a_time_that_the_clock_leaves_out_fires_once_at_the_first_moment_after_it() -> None:
    """On 29 March 2026 02:00 to 03:00 do not exist in Berlin."""
    assert fires("30 2 * * *", BERLIN, utc(2026, 3, 28, 12), 3) == [
        "2026-03-29 03:00+02:00",
        "2026-03-30 02:30+02:00",
        "2026-03-31 02:30+02:00",
    ]
    assert fires("0,20,40 2 * * *", BERLIN, utc(2026, 3, 28, 12), 2) == [
        "2026-03-29 03:00+02:00",
        "2026-03-30 02:00+02:00",
    ]


def test_a_time_that_comes_twice_fires_the_first_time() -> None:
    """On 25 October 2026 02:00 to 03:00 come twice in Berlin."""
    assert fires("30 2 * * *", BERLIN, utc(2026, 10, 24, 12), 2) == ["2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"]


def test_asked_within_the_repeated_hour_it_does_not_find_what_has_passed() -> None:
    second_time = utc(2026, 10, 25, 1, 15)  # 02:15 for the second time
    assert next_fire("30 2 * * *", BERLIN, second_time) == utc(2026, 10, 26, 1, 30)
    assert next_fire("10-50/10 2 * * *", BERLIN, second_time) == utc(2026, 10, 26, 1, 10)


def test_what_fires_every_hour_or_oftener_goes_by_elapsed_time() -> None:
    assert fires("0 * * * *", BERLIN, utc(2026, 10, 24, 23, 30)) == [
        "2026-10-25 02:00+02:00",
        "2026-10-25 02:00+01:00",
        "2026-10-25 03:00+01:00",
        "2026-10-25 04:00+01:00",
    ]
    assert fires("0 * * * *", BERLIN, utc(2026, 3, 28, 23, 30), 3) == [
        "2026-03-29 01:00+01:00",
        "2026-03-29 03:00+02:00",
        "2026-03-29 04:00+02:00",
    ]


def test_half_an_hour_of_summer_time() -> None:
    """Lord Howe Island moves its clocks by 30 minutes."""
    assert fires("15 2 * * *", "Australia/Lord_Howe", utc(2026, 10, 2, 20), 3) == [
        "2026-10-04 02:30+11:00",
        "2026-10-05 02:15+11:00",
        "2026-10-06 02:15+11:00",
    ]


def test_the_last_day_the_last_weekday_and_the_second_monday() -> None:
    after = utc(2026, 1, 30)
    assert next_fire("0 0 L * *", "UTC", after) == utc(2026, 1, 31)
    assert next_fire("0 0 * * 5L", "UTC", after.replace(day=1)) == utc(2026, 1, 30)
    assert next_fire("0 0 * * MON#2", "UTC", after) == utc(2026, 2, 9)


def test_what_never_comes() -> None:
    assert next_fire("* * */20 * 1L", "UTC", utc(2026, 1, 1)) is None
    assert next_fires("* * */20 * 1L", "UTC", utc(2026, 1, 1), 5) == []


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("61 * * * *", "Bad minute"),
        ("* 24 * * *", "Bad hour"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("0 0 * * 8", "Bad day-of-week"),
        ("*/0 * * * *", "Bad minute"),
        ("5-1 * * * *", "Bad minute"),
        ("a b c d e", "Bad minute"),
        ("０ ０ * * *", "Bad minute"),
    ],
)
def test_what_is_no_cron_expression(cron: str, words: str) -> None:
    with pytest.raises(InvalidSchedule, match=words) as refused:
        next_fire(cron, "UTC", utc(2026, 1, 1))
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [("/cron", "invalid_cron")]


@pytest.mark.parametrize("timezone", ["", "Berlin", "../../etc/passwd", "Europe/Berlin\0", "x" * 500, "UTC+1"])
def test_what_is_no_time_zone(timezone: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        next_fire("0 9 * * *", timezone, utc(2026, 1, 1))
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [("/timezone", "unknown_timezone")]


def test_it_says_in_words_what_it_means() -> None:
    assert in_words("30 9 * * MON-FRI", BERLIN) == "At 09:30 on Monday through Friday"
