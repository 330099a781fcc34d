"""The record of one assembly: every candidate, why it is in or out, and which bytes of the prompt it became.

A run assembles before every model call, and most of the prompt stays as it was. A manifest therefore names the prefix
of its items that it shares with an earlier one by that one's digest (`base`), and writes only the rest: the manifests
of a run grow with what changed.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Final

import orjson

FORMAT: Final = 1
MAX_DEPTH: Final = 16
_MICRO: Final = 1_000_000

Fetch = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class ManifestItem:
    """One candidate. `span` is its bytes within its region; `score` is in millionths, so that its bytes are canonical.

    `digest` is the blob whose characters `cut` (None: all) were printed under `title`. `tokens` are those of the
    printed form (of the content, for an omitted item); a stub also states its content's, `full_tokens`.
    """

    ref: str
    source: str
    mode: str
    reason: str = ""
    title: str = ""
    digest: str = ""
    tokens: int = 0
    full_tokens: int = 0
    layer: int = 0
    version: int | None = None
    score: int = 0
    cut: tuple[int, int] | None = None
    span: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Only what is said: zeros, blanks and nulls are left out."""
        return {name: value for name in _NAMES if (value := getattr(self, name))}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ManifestItem":
        """The item again; what was left out has its default."""
        pairs: dict[str, Any] = {name: tuple(value[name]) for name in ("cut", "span") if name in value}
        return cls(**{**value, **pairs})


_NAMES: Final = tuple(field.name for field in fields(ManifestItem))


@dataclass(frozen=True)
class Manifest:
    """All items in the order of the prompt, then all candidates that stayed out.

    `kept_items` and `kept_omitted` of them are those of the manifest `base`; `depth` counts the bases behind this one.
    """

    tokenizer: str
    budget: int
    tokens: int
    items: tuple[ManifestItem, ...]
    omitted: tuple[ManifestItem, ...]
    base: bytes | None = None
    kept_items: int = 0
    kept_omitted: int = 0
    depth: int = 0

    @cached_property
    def data(self) -> bytes:
        """Canonical JSON (RFC 8785: sorted ASCII keys, no floats), what is stored and hashed."""
        value = self._json(self.items[self.kept_items :], self.omitted[self.kept_omitted :])
        if self.base is not None:
            value |= {"base": self.base.hex(), "kept": [self.kept_items, self.kept_omitted]}
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

    def to_json(self) -> dict[str, Any]:
        """The whole of it, for readers: whatever it shares with another manifest is written out."""
        return self._json(self.items, self.omitted)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of `data`."""
        return hashlib.sha256(self.data).digest()

    def _json(self, items: Sequence[ManifestItem], omitted: Sequence[ManifestItem]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "tokenizer": self.tokenizer,
            "budget": self.budget,
            "tokens": self.tokens,
            "items": [item.to_json() for item in items],
            "omitted": [item.to_json() for item in omitted],
        }

    def continuing(self, previous: "Manifest | None") -> "Manifest":
        """The same manifest, written on top of an earlier one where they begin alike.

        When the earlier one's own base covers all that is shared, that base is named directly: a run whose stable
        region never changes points at its first manifest from every step.
        """
        if previous is None:
            return self
        items, omitted = _shared(self.items, previous.items), _shared(self.omitted, previous.omitted)
        base, depth = previous.digest, previous.depth + 1
        if previous.base is not None and items <= previous.kept_items and omitted <= previous.kept_omitted:
            base, depth = previous.base, previous.depth
        if not items + omitted or depth > MAX_DEPTH:
            return self
        return replace(self, base=base, kept_items=items, kept_omitted=omitted, depth=depth)


def read(data: bytes, fetch: Fetch) -> Manifest:
    """The whole manifest of its bytes; `fetch` returns the bytes of a base by digest."""
    value = orjson.loads(data)
    items = tuple(map(ManifestItem.from_json, value["items"]))
    omitted = tuple(map(ManifestItem.from_json, value["omitted"]))
    manifest = Manifest(value["tokenizer"], value["budget"], value["tokens"], items, omitted)
    if "base" not in value:
        return manifest
    digest, (kept_items, kept_omitted) = bytes.fromhex(value["base"]), value["kept"]
    base = read(fetch(digest), fetch)
    return replace(
        manifest,
        items=base.items[:kept_items] + items,
        omitted=base.omitted[:kept_omitted] + omitted,
        base=digest,
        kept_items=kept_items,
        kept_omitted=kept_omitted,
        depth=base.depth + 1,
    )


def millionths(score: float) -> int:
    """A score as manifests keep it."""
    return round(score * _MICRO)


def _shared(mine: Sequence[ManifestItem], theirs: Sequence[ManifestItem]) -> int:
    for index, (one, other) in enumerate(zip(mine, theirs, strict=False)):
        if one != other:
            return index
    return min(len(mine), len(theirs))
