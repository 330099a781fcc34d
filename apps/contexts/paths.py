"""Paths of the tree (`support/acme/case-42`): their shape, and the ranges of the paths below them."""

import re
from typing import Final

from django.db.models import Q

from apps.contexts.exceptions import InvalidPath

MAX_DEPTH: Final = 16
MAX_LENGTH: Final = 1024
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")


def check_path(path: str) -> str:
    """The path itself. Raises InvalidPath."""
    names = path.split("/")
    if len(path) > MAX_LENGTH or len(names) > MAX_DEPTH or not all(map(_NAME.match, names)):
        raise InvalidPath(path=path[:200])
    return path


def ancestors(path: str) -> list[str]:
    """The paths above this one, nearest first."""
    names = path.split("/")
    return ["/".join(names[:depth]) for depth in range(len(names) - 1, 0, -1)]


def is_below(path: str, other: str) -> bool:
    """Whether `path` lies in the subtree of `other`, which it may be itself."""
    return path == other or path.startswith(f"{other}/")


def in_subtree(path: str, field: str = "path") -> Q:
    """Rows whose `field` is the path or lies below it: two conditions that the path's index serves.

    In the C collation everything below `a/b` sorts between `a/b/` and `a/b0`, since `0` follows `/`.
    """
    return Q(**{field: path}) | Q(**{f"{field}__gt": f"{path}/", f"{field}__lt": f"{path}0"})
