"""`sleep`: wait for a while or until a moment; nothing is held meanwhile. The engine knows how far away it may be."""

from datetime import UTC
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from apps.tools.declaration import Effect, ToolCall, ToolInputInvalid, tool
from apps.tools.deferral import Timer

LONGEST_SECONDS: Final = 366 * 86_400


@tool(version="1.0.0", effect=Effect.READ_ONLY, defers=True)
def sleep(
    call: ToolCall,
    seconds: Annotated[float | None, Field(description="How long to wait.", ge=0, le=LONGEST_SECONDS)] = None,
    until: Annotated[
        AwareDatetime | None, Field(description="When to go on, with a time zone, such as 2030-01-31T09:00:00+01:00.")
    ] = None,
) -> Timer:
    """Do nothing for a number of seconds or until a moment. Give one of the two."""
    if (seconds is None) == (until is None):
        raise ToolInputInvalid("Give either seconds or until.")
    try:
        return Timer(seconds=seconds, until=None if until is None else until.astimezone(UTC))
    except OverflowError:
        raise ToolInputInvalid("This moment is beyond the calendar.") from None
