"""Which candidates go into the prompt, and in which mode: pure, deterministic, whatever order they come in.

Pins go in whole or the call is refused. The rest follows tier by tier: a lower tier gets what the higher ones left.
Within a tier the best go in whole while they fit; what did not fit is then tried as a summary and as a stub. A share
caps what one mount may spend beyond its pins.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from apps.contexts.assembly.candidates import TIERS, Candidate, rank
from apps.contexts.assembly.printing import SEAM, Mode, body, heading, stub
from apps.contexts.exceptions import PinsDoNotFit

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Placed:
    """A candidate as it is printed, with the tokens that this takes."""

    candidate: Candidate
    mode: Mode
    text: str
    tokens: int
    reason: str


@dataclass(frozen=True, slots=True)
class Omitted:
    """A candidate that stays out, and why."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True)
class Packing:
    """What goes in, best first, and what stays out."""

    placed: tuple[Placed, ...]
    omitted: tuple[Omitted, ...]


@dataclass(slots=True)
class _Purse:
    """Tokens left in all, and what each mount has spent of its share."""

    left: int
    caps: Mapping[str, int]
    spent: dict[str, int] = field(default_factory=dict)

    def refusal(self, group: str, tokens: int) -> str:
        """Why so many tokens cannot be had: `budget`, `share`, or empty when they can."""
        if tokens > self.left:
            return "budget"
        cap = self.caps.get(group)
        return "share" if cap is not None and self.spent.get(group, 0) + tokens > cap else ""

    def pay(self, group: str, tokens: int) -> None:
        self.left -= tokens
        self.spent[group] = self.spent.get(group, 0) + tokens


def pack(candidates: Iterable[Candidate], budget: int, shares: Mapping[str, float], count: Count) -> Packing:
    """Choose for a budget in tokens. Raises PinsDoNotFit, naming the pins."""
    unique, omitted = _distinct(sorted(candidates, key=rank))
    purse = _Purse(budget, {group: int(share * budget) for group, share in shares.items()})
    placed = _pins([candidate for candidate in unique if candidate.pinned], budget, purse, count)
    optional = (candidate for candidate in unique if not candidate.pinned)
    for _, tier in groupby(optional, key=lambda candidate: TIERS[candidate.source]):
        _pack_tier(list(tier), purse, count, (placed, omitted))
    return Packing(tuple(placed), tuple(omitted))


def _distinct(ranked: Sequence[Candidate]) -> tuple[list[Candidate], list[Omitted]]:
    """Of equal texts only the best stays."""
    seen: dict[bytes, str] = {}
    unique: list[Candidate] = []
    omitted: list[Omitted] = []
    for candidate in ranked:
        reason = candidate.omitted
        if not reason and candidate.content in seen:
            reason = f"duplicate of {seen[candidate.content]}"
        if reason:
            omitted.append(Omitted(candidate, reason))
        else:
            seen[candidate.content] = candidate.ref
            unique.append(candidate)
    return unique, omitted


def _pins(pins: Sequence[Candidate], budget: int, purse: _Purse, count: Count) -> list[Placed]:
    placed = [_whole(candidate, count, "pinned") for candidate in pins]
    needed = sum(item.tokens for item in placed)
    if needed > budget:
        raise PinsDoNotFit(
            f"The instructions and pinned entries take {needed} tokens, and the budget is {budget}.",
            needed=needed,
            budget=budget,
            offenders=[{"ref": item.candidate.ref, "tokens": item.tokens} for item in placed],
        )
    for item in placed:
        purse.pay(item.candidate.group, item.tokens)
    return placed


def _pack_tier(
    tier: Sequence[Candidate], purse: _Purse, count: Count, result: tuple[list[Placed], list[Omitted]]
) -> None:
    placed, omitted = result
    refused: list[tuple[Candidate, str]] = []
    for candidate in tier:
        refusal = purse.refusal(candidate.group, candidate.tokens)
        item = None if refusal else _whole(candidate, count, "selected")
        if item is not None and not (refusal := purse.refusal(candidate.group, item.tokens)):
            purse.pay(candidate.group, item.tokens)
            placed.append(item)
        else:
            refused.append((candidate, refusal))
    for candidate, refusal in refused:
        item = _smaller(candidate, purse, count, refusal)
        if item is None:
            omitted.append(Omitted(candidate, refusal))
        else:
            purse.pay(candidate.group, item.tokens)
            placed.append(item)


def _whole(candidate: Candidate, count: Count, reason: str) -> Placed:
    head = heading(candidate.layer, candidate.title)
    text = body(candidate.text or "")
    return Placed(candidate, Mode.FULL, head + text, _tokens(candidate, head, text, count), reason)


def _tokens(candidate: Candidate, head: str, text: str, count: Count) -> int:
    if text.startswith("/"):
        return count((head or SEAM) + text)
    return candidate.tokens + (count(head) if head else 0)


def _smaller(candidate: Candidate, purse: _Purse, count: Count, reason: str) -> Placed | None:
    """The summary if there is one and it fits, else the stub if it fits and saves anything."""
    for mode, text in _shorter_forms(candidate):
        tokens = count(text)
        if tokens < candidate.tokens and not purse.refusal(candidate.group, tokens):
            return Placed(candidate, mode, text, tokens, reason)
    return None


def _shorter_forms(candidate: Candidate) -> Iterable[tuple[Mode, str]]:
    if candidate.summary.strip():
        yield Mode.SUMMARY, heading(candidate.layer, candidate.title) + body(candidate.summary)
    yield Mode.STUB, stub(candidate.title, candidate.ref, candidate.tokens)
