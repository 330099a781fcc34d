"""Identifiers: UUIDv7, made in Python, so that primary keys sort by the time of their making."""

import uuid
from datetime import datetime

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A UUIDv7. Ids made by one process ascend strictly, also within a millisecond."""
    return uuid7()


def first_id(moment: datetime, shift_ms: int = 0) -> uuid.UUID:
    """The lowest UUIDv7 of the shifted moment's millisecond: ids begin with their time."""
    milliseconds = min(max(int(moment.timestamp() * 1000) + shift_ms, 0), 2**48 - 1)
    return uuid.UUID(int=milliseconds << 80)
