"""The text of a run, as a model reads it and as PostgreSQL's text type can hold it."""

from typing import Any

from apps.core import canonical

MAX_CHARACTERS = 4000


def prompt_text(value: Any) -> str:
    """A run's input as the model gets it: text as it is, any other JSON value as JSON."""
    return value if isinstance(value, str) else canonical.dump(value).decode()


def storable(text: str) -> str:
    """Without NUL and lone surrogates, which PostgreSQL refuses, and at most 4,000 characters."""
    cleaned = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return cleaned if len(cleaned) <= MAX_CHARACTERS else cleaned[: MAX_CHARACTERS - 1] + "…"
