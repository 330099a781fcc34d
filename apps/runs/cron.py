"""When a cron expression fires, in a time zone; pure. cronsim follows Debian's cron, also where clocks are changed.

Times at fixed hours and minutes fire once a day: one that a change of clocks leaves out fires at the first moment after
it, and one that comes twice fires the first time. Expressions whose minute or hour begins with `*` go by elapsed time:
in a repeated hour they fire again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from apps.core.exceptions import Fault
from apps.runs.exceptions import InvalidSchedule

FIELDS: Final = 5


def next_fire(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first time after this moment, in UTC; None when there is none in 50 years. Raises InvalidSchedule."""
    return next(_fires(cron, timezone, after), None)


def next_fires(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The next times after this moment, in the time zone. Raises InvalidSchedule."""
    zone = zone_named(timezone)
    return [moment.astimezone(zone) for moment in islice(_fires(cron, timezone, after), count)]


def in_words(cron: str, timezone: str) -> str:
    """What the expression says, in English. Raises InvalidSchedule."""
    return _simulation(cron, timezone, datetime.now(UTC)).explain()


def zone_named(timezone: str) -> ZoneInfo:
    """Raises InvalidSchedule for a name that the time zone database does not have."""
    if timezone not in _zones():
        raise _refusal("timezone", "unknown_timezone", f"There is no time zone {timezone[:64]!r}.")
    return ZoneInfo(timezone)


@cache
def _zones() -> set[str]:
    """Looking for them takes 15 ms."""
    return available_timezones()


def _fires(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    last = after.astimezone(UTC)
    # In a repeated hour the library finds times that have passed, and in a skipped one the same time again.
    for local in _simulation(cron, timezone, after):
        moment = local.astimezone(UTC)
        if moment > last:
            last = moment
            yield moment


def _simulation(cron: str, timezone: str, after: datetime) -> CronSim:
    if len(cron.split()) != FIELDS:
        detail = "A cron expression has five fields: minute, hour, day of month, month, day of week."
        raise _refusal("cron", "invalid_cron", detail)
    try:
        return CronSim(cron, after.astimezone(zone_named(timezone)))
    except CronSimError as error:
        raise _refusal("cron", "invalid_cron", f"{cron!r} is no cron expression: {error}.") from error


def _refusal(name: str, code: str, detail: str) -> InvalidSchedule:
    return InvalidSchedule(detail, errors=[Fault(f"/{name}", code, detail)])
