"""Where the chosen items stand, and the manifest of it: pure.

The stable region is ordered by layer and then by name, never by score, so that its bytes change only when its content
does. In the tail the best items stand at the edges, where models read best (Liu et al., "Lost in the middle"), and the
question stands last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.contexts.assembly.candidates import Candidate, Layer, rank
from apps.contexts.assembly.manifest import Manifest, ManifestItem, millionths
from apps.contexts.assembly.packing import Omitted, Packing, Placed
from apps.contexts.assembly.printing import Mode, text_digest


@dataclass(frozen=True, slots=True)
class Assembly:
    """The two regions of the prompt, their tokens together, and the record of how they came about."""

    stable: str
    tail: str
    tokens: int
    manifest: Manifest


def lay_out(packing: Packing, *, tokenizer: str, budget: int) -> Assembly:
    """Print the packing: same packing, same bytes."""
    stable = sorted((item for item in packing.placed if item.candidate.layer.is_stable), key=_place)
    tail = _tail([item for item in packing.placed if not item.candidate.layer.is_stable])
    tokens = sum(item.tokens for item in packing.placed)
    omitted = sorted(packing.omitted, key=lambda out: (out.candidate.order, out.candidate.ref))
    items = (*_printed(stable), *_printed(tail))
    manifest = Manifest(tokenizer, budget, tokens, items, tuple(map(_left_out, omitted)))
    return Assembly(_join(stable), _join(tail), tokens, manifest)


def _place(item: Placed) -> tuple[int, str, str]:
    return item.candidate.layer, item.candidate.order, item.candidate.ref


def _tail(items: Sequence[Placed]) -> list[Placed]:
    question = [item for item in items if item.candidate.layer is Layer.QUESTION]
    ranked = sorted(
        (item for item in items if item.candidate.layer is not Layer.QUESTION), key=lambda item: rank(item.candidate)
    )
    return [*ranked[0::2], *reversed(ranked[1::2]), *question]


def _join(items: Iterable[Placed]) -> str:
    return "".join(item.text for item in items)


def _printed(region: Sequence[Placed]) -> Iterable[ManifestItem]:
    position = 0
    for item in region:
        end = position + len(item.text.encode())
        yield _item(item.candidate, item.mode, item.reason, item.tokens, (position, end))
        position = end


def _left_out(omitted: Omitted) -> ManifestItem:
    return _item(omitted.candidate, Mode.OMITTED, omitted.reason, omitted.candidate.tokens, None)


def _item(candidate: Candidate, mode: Mode, reason: str, tokens: int, span: tuple[int, int] | None) -> ManifestItem:
    summary = mode is Mode.SUMMARY
    digest = text_digest(candidate.summary) if summary else candidate.digest
    return ManifestItem(
        ref=candidate.ref,
        source=candidate.source.value,
        title=candidate.title,
        digest=digest.hex(),
        mode=mode.value,
        reason=reason,
        tokens=tokens,
        full_tokens=candidate.tokens if mode is Mode.STUB else 0,
        layer=candidate.layer.value,
        version=candidate.version,
        score=millionths(candidate.score),
        cut=None if summary else candidate.cut,
        span=span,
    )
