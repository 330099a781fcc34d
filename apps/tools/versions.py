"""Semantic versions (semver.org 2.0.0): form and precedence."""

import re
from typing import Final

FORM: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(?P<pre>[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*))?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)

Precedence = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


def precedence(version: str) -> Precedence:
    """A key that sorts versions: a pre-release before its release, numbers by value and before words.

    Raises ValueError for what is no semantic version.
    """
    match = FORM.fullmatch(version)
    if match is None:
        raise ValueError(f"{version!r} is no semantic version.")
    major, minor, patch = (int(part) for part in match.group(1, 2, 3))
    pre = match.group("pre")
    parts = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in (pre or "").split("."))
    return major, minor, patch, pre is None, parts
