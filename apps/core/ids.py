"""Identifiers: UUIDv7, made in Python, so that primary keys sort by the time of their making."""

import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A UUIDv7. Ids made by one process ascend strictly, also within a millisecond."""
    return uuid7()
