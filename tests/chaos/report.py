"""What a run of the suite prints: a table of both arms, and a JSON line for each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.chaos.checker import Finding, Verdict
from tests.chaos.options import Options

ROWS = (
    ("accepted runs", "accepted"),
    ("finished", "finished"),
    ("lost", "lost"),
    ("unsafe effects doubled", "doubled_unsafe"),
    ("kills of workers", "kills"),
    ("model calls repeated", "repeated_model_calls"),
    ("zombie writes refused", "zombie_writes_refused"),
    ("dead worker seen, p50 s", "detect_p50_s"),
    ("run goes on, p50 s", "resume_p50_s"),
    ("run goes on, p95 s", "resume_p95_s"),
    ("run goes on, p99 s", "resume_p99_s"),
    ("run goes on, max s", "resume_max_s"),
    ("Redis restarts", "redis_restarts"),
    ("PostgreSQL restarts", "postgres_restarts"),
    ("workers that no longer consume", "stuck_workers"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an arm came through."""

    arm: str
    options: Options
    verdict: Verdict
    redis_restarts: int
    postgres_restarts: int
    stuck_workers: int
    measured: Mapping[str, Any] = field(default_factory=dict)
    noted: Sequence[Finding] = ()

    @property
    def broken(self) -> list[Finding]:
        """Every promise that did not hold."""
        return [*self.verdict.broken, *self.noted]

    @property
    def held(self) -> bool:
        """Whether every promise held."""
        return not self.broken and not self.stuck_workers

    def forgiving(self, checks: tuple[str, ...]) -> "Outcome":
        """The same without the checks that begin with one of these words."""
        kept = [finding for finding in self.verdict.broken if not finding.check.startswith(checks or ("\0",))]
        return replace(self, verdict=replace(self.verdict, broken=kept))

    def line(self) -> dict[str, Any]:
        """The arm's JSON line."""
        figures, resume = self.verdict.figures, self.verdict.resume_s
        return {
            "arm": self.arm,
            "seed": self.options.seed,
            "accepted": figures["accepted"],
            "finished": figures["finished"],
            "lost": figures["accepted"] - figures["finished"],
            "doubled_unsafe": figures["doubled_unsafe"],
            "kills": figures["kills"],
            "repeated_model_calls": figures["repeated_model_calls"],
            "zombie_writes_refused": figures["zombie_writes_refused"],
            "detect_p50_s": percentile(self.verdict.detect_s, 0.5),
            "resume_p50_s": percentile(resume, 0.5),
            "resume_p95_s": percentile(resume, 0.95),
            "resume_p99_s": percentile(resume, 0.99),
            "resume_max_s": percentile(resume, 1.0),
            "redis_restarts": self.redis_restarts,
            "postgres_restarts": self.postgres_restarts,
            "stuck_workers": self.stuck_workers,
        }


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which this share lies; None of nothing."""
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2) if ordered else None


def table(outcomes: Sequence[Outcome]) -> str:
    """Both arms side by side."""
    lines = [outcome.line() for outcome in outcomes]
    rows = [("", [str(line["arm"]) for line in lines])]
    rows += [(words, ["-" if line[key] is None else str(line[key]) for line in lines]) for words, key in ROWS]
    return "\n".join(f"{words:<32}" + "".join(f"{cell:>12}" for cell in cells) for words, cells in rows)


def details(outcome: Outcome) -> str:
    """What else was counted, and every promise that did not hold."""
    figures, cancels = outcome.verdict.figures, outcome.verdict.cancel_s
    parts = [f"{outcome.arm}: {json.dumps(figures)}"]
    if cancels:
        parts.append(f"  cancels: {len(cancels)}, p50 {percentile(cancels, 0.5)} s, max {percentile(cancels, 1.0)} s")
    if outcome.measured:
        parts.append(f"  measured: {json.dumps(outcome.measured)}")
    parts += [f"  BROKEN {finding}" for finding in outcome.broken]
    return "\n".join(parts)
