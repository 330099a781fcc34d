"""Text that PostgreSQL's text type can hold."""

MAX_CHARACTERS = 4000


def storable(text: str) -> str:
    """Without NUL and lone surrogates, which PostgreSQL refuses, and at most 4,000 characters."""
    cleaned = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return cleaned if len(cleaned) <= MAX_CHARACTERS else cleaned[: MAX_CHARACTERS - 1] + "…"
