"""JSON pointers (RFC 6901): how a fault says where it is."""


def escape(token: str) -> str:
    """One reference token, as a pointer writes it."""
    return token.replace("~", "~0").replace("/", "~1")
