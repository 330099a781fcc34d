"""API keys as text: `cef_<id>_<secret>_<crc>`, and the keyed hash of them that is stored.

The secret has 32 random bytes, so a fast hash is enough; the pepper keeps a stolen table useless. The checksum lets a
mistyped or cut key be refused without a query. All parts are base62: a double click selects the whole key.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from uuid import UUID

from django.conf import settings

PREFIX: Final = "cef_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM: Final = re.compile(r"cef_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class Token:
    """A well-formed key: its public id and its secret."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The whole key, as its holder keeps it."""
        return f"{PREFIX}{self.id}_{self.secret}_{_checksum(self.id, self.secret)}"


def new_token() -> Token:
    """A fresh key of 256 random bits."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return Token(key_id, _base62(secrets.randbits(256), 43))


def as_uuid(key_id: str) -> UUID:
    """A key's public id for columns that hold ids of many kinds: its eight characters are the last eight bytes."""
    return UUID(bytes=key_id.encode("ascii").rjust(16, b"\0"))


def key_id_in(value: UUID) -> str:
    """The public id that `as_uuid` wrote; empty for the UUID of zeros."""
    return value.bytes.lstrip(b"\0").decode("ascii")


def parse(text: str) -> Token | None:
    """The key that the text is, or None when its form or checksum is wrong."""
    match = _FORM.fullmatch(text)
    if match is None or _checksum(match[1], match[2]) != match[3]:
        return None
    return Token(match[1], match[2])


def active_pepper_kid() -> str:
    """The id of the pepper that new keys are hashed with."""
    return next(iter(_peppers(settings.CEF_API_KEY_PEPPER)))


def digest(token: Token, pepper_kid: str) -> bytes:
    """HMAC-SHA-256 of the key. An unknown pepper gives a hash that no stored one equals."""
    pepper = _peppers(settings.CEF_API_KEY_PEPPER).get(pepper_kid) or secrets.token_bytes(32)
    return hmac.digest(pepper, f"{token.id}_{token.secret}".encode(), "sha256")


@cache
def _peppers(setting: str) -> dict[str, bytes]:
    """Peppers by their ids (8 hex digits of a hash), the active one first; CEF_API_KEY_PEPPER separates by commas."""
    peppers = [item.strip().encode() for item in setting.split(",") if item.strip()]
    return {hashlib.sha256(b"pepper id:" + pepper).hexdigest()[:8]: pepper for pepper in peppers}


def _checksum(key_id: str, secret: str) -> str:
    return _base62(zlib.crc32(f"{key_id}_{secret}".encode()), 6)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
