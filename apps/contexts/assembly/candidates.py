"""What may enter a prompt, and how candidates compare."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from apps.contexts.kinds import Source


class Layer(IntEnum):
    """Where an item stands, by how often it changes: what changes least comes first, so that caches hold."""

    INSTRUCTIONS = 0
    PINNED = 1
    SLOW = 2
    MEMORY_PINNED = 3
    TAIL = 4
    QUESTION = 5

    @property
    def is_stable(self) -> bool:
        """Whether the layer belongs to the byte-stable region."""
        return self < Layer.TAIL


TIERS: Final = {source: tier for tier, source in enumerate(Source)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that could be printed.

    `order` names it independently of its version, so that a new version does not move it. `digest` is the blob its
    text comes from, `cut` the characters of that blob (None: all) and `content` the SHA-256 of the text itself, by
    which duplicates are known. `text` is None when it was not worth loading. `tokens` counts `printing.body(text)`.
    `group` is the mount whose share it spends. `omitted` says why it is out before packing begins.
    """

    ref: str
    order: str
    source: Source
    layer: Layer
    title: str
    text: str | None
    digest: bytes
    content: bytes
    tokens: int
    cut: tuple[int, int] | None = None
    summary: str = ""
    group: str = ""
    version: int | None = None
    pinned: bool = False
    priority: int = 0
    score: float = 0.0
    omitted: str = ""


Rank = tuple[bool, int, int, float, str, str]


def rank(candidate: Candidate) -> Rank:
    """Sort key, best first: pins, then tiers lexicographically, then priority and score; names break ties."""
    return (
        not candidate.pinned,
        TIERS[candidate.source],
        -candidate.priority,
        -candidate.score,
        candidate.order,
        candidate.ref,
    )
