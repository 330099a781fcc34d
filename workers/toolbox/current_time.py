"""`current_time`: what the clock says, anywhere."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field

from apps.tools.declaration import Effect, ToolCall, ToolInputInvalid, tool


class Moment(BaseModel):
    """A point in time as one place's clocks and calendars show it."""

    time: str
    timezone: str
    weekday: str
    unix: int


@tool(version="1.0.0", effect=Effect.READ_ONLY, timeout_s=5.0)
async def current_time(
    call: ToolCall,
    timezone: Annotated[str, Field(description="An IANA name such as Europe/Berlin.", max_length=64)] = "UTC",
) -> Moment:
    """Tell the current date, time and weekday in a time zone."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolInputInvalid(f"There is no time zone {timezone!r}; use an IANA name such as Europe/Berlin.") from None
    now = datetime.now(zone).replace(microsecond=0)
    return Moment(time=now.isoformat(), timezone=timezone, weekday=now.strftime("%A"), unix=int(now.timestamp()))
