"""A point in the history of one branch, and what is visible through several of them."""

import uuid
from typing import NamedTuple


class Pin(NamedTuple):
    """The version `number` of a branch. A context is read through several pins: its own, then its ancestors'."""

    branch_id: uuid.UUID
    number: int


Pins = tuple[Pin, ...]
"""Nearest context first: where a key is in several, the first wins."""
