"""Who is signed in to the dashboard: a short signed cookie, and what a sign-in carries through its redirects; pure."""

import base64
import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass, field
from typing import Final, Self
from uuid import UUID

from tornado.web import decode_signed_value

COOKIE: Final = "user"
"""The cookie that Flower's own handlers read."""

DOMAIN: Final = "dashboard.cef"
AUTH_PATTERN: Final = f".*@{DOMAIN}"
"""Flower escapes it, matches the whole identity, and lets the star stand only for what is before the @."""

_DAY_S: Final = 86_400
_LOCAL_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


def identity(subject: str) -> str:
    """The cookie's value for a user. Raises ValueError when the subject is no UUID."""
    return f"{UUID(subject)}@{DOMAIN}"


def is_signed_in(secret: str, cookie: str | None, *, max_age_s: float) -> bool:
    """Whether the cookie is one of ours and not older than that."""
    value = decode_signed_value(secret, COOKIE, cookie, max_age_days=max_age_s / _DAY_S)
    return value is not None and value.endswith(f"@{DOMAIN}".encode())


def local_path(target: str | None, default: str) -> str:
    """The target if it is a path on this very site, else the default: nobody is sent elsewhere after signing in."""
    return target if target and _LOCAL_PATH.fullmatch(target) else default


def _random() -> str:
    return secrets.token_urlsafe(48)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One sign-in under way: bound to the browser by `state`, to the client by the PKCE verifier (RFC 7636)."""

    next: str
    state: str = field(default_factory=_random)
    verifier: str = field(default_factory=_random)

    @property
    def challenge(self) -> str:
        """The S256 challenge of the verifier."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def dump(self) -> str:
        """For the signed cookie that the browser keeps meanwhile."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, data: bytes | None) -> Self | None:
        """The attempt that the cookie holds, if it holds one."""
        return cls(**json.loads(data)) if data else None

    def answers(self, state: str | None) -> bool:
        """Whether a redirect that brings this state belongs to this attempt."""
        return secrets.compare_digest(self.state.encode(), (state or "").encode())
