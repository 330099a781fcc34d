"""What a check of the doctor says: fine, worth knowing, or wrong."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is; only `wrong` makes the doctor's exit code 1."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One sentence about one part."""

    part: str
    verdict: Verdict
    message: str


def fine(part: str, message: str) -> Finding:
    """All is well."""
    return Finding(part, Verdict.FINE, message)


def note(part: str, message: str) -> Finding:
    """Worth knowing; nothing is broken."""
    return Finding(part, Verdict.NOTE, message)


def wrong(part: str, message: str) -> Finding:
    """Broken, with what to do about it."""
    return Finding(part, Verdict.WRONG, message)
