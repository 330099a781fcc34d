"""What was in a model call's prompt, as the run's page shows it: bars by source against the budget, and every item."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.core.exceptions import NotFound
from apps.runs.manifests import step_context
from apps.runs.models import Run


@dataclass(frozen=True, slots=True)
class Segment:
    """One source's part of the budget; `width` in per cent, as CSS wants it."""

    source: str
    tokens: int
    width: str


@dataclass(frozen=True, slots=True)
class Composition:
    """A prompt's context: how the budget was spent, what is in it in order, what stayed out."""

    budget: int
    tokens: int
    tokenizer: str
    segments: tuple[Segment, ...]
    items: tuple[dict[str, Any], ...]
    omitted: tuple[dict[str, Any], ...]

    @property
    def free(self) -> int:
        """Tokens of the budget that nothing took."""
        return max(self.budget - self.tokens, 0)


def composition(run: Run, n: int) -> Composition | None:
    """The context of step `n`; None when none was assembled for it, or a text of it has been erased."""
    try:
        context = step_context(run, n)
    except NotFound:
        return None
    return Composition(
        budget=context["budget"],
        tokens=context["tokens"],
        tokenizer=context["tokenizer"],
        segments=tuple(_segments(context)),
        items=tuple(context["items"]),
        omitted=tuple(context["omitted"]),
    )


def _segments(context: dict[str, Any]) -> Iterable[Segment]:
    spent: Counter[str] = Counter()
    for item in context["items"]:
        spent[item["source"]] += item.get("tokens", 0)
    scale = max(context["budget"], context["tokens"], 1)
    for source, tokens in spent.most_common():
        yield Segment(source, tokens, f"{100 * tokens / scale:.3f}")
