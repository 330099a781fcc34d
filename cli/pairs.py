"""`KEY=VALUE` options."""

from collections.abc import Iterable

from cli.errors import UsageProblem


def pairs_of(given: Iterable[str]) -> dict[str, str]:
    """The pairs by key, the last of one key. Raises UsageProblem."""
    return dict(map(_pair, given))


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise UsageProblem(f"--metadata {text!r} is not KEY=VALUE.")
    return key, value
