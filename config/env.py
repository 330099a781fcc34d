"""The only reader of the environment: typed values, and a refusal of odd ones."""

import base64
import binascii
import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE: Final = {"1", "true", "yes", "on"}
FALSE: Final = {"0", "false", "no", "off"}


def text(name: str, default: str | None = None) -> str:
    """The variable as it is. Raises ImproperlyConfigured when it is absent and has no default."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name}.")
    return value


def flag(name: str, default: bool) -> bool:
    """A boolean; anything but the usual words for true and false is refused."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in TRUE | FALSE:
        return value in TRUE
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    """A whole number between `low` and `high`."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} must lie between {low} and {high}, not {number}.")
    return number


def number(name: str, default: float, *, low: float = 0.0, high: float = 86_400.0) -> float:
    """A number (seconds, as a rule) between `low` and `high`."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        result = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {value!r}.") from None
    if not low <= result <= high:
        raise ImproperlyConfigured(f"{name} must lie between {low} and {high}, not {result}.")
    return result


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list without empty items."""
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def path(name: str, default: Path) -> Path:
    """An absolute path."""
    return Path(os.environ.get(name) or default).resolve()


def database(name: str, default: str | None = None) -> dict[str, object]:
    """A Django database of a `postgresql://user:password@host:port/name` URL."""
    url = urlsplit(text(name, default))
    if url.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{name} must be a postgresql:// URL; PostgreSQL is the only database.")
    database_name = url.path.removeprefix("/")
    if not database_name:
        raise ImproperlyConfigured(f"{name} must name a database after the last slash.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(database_name),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": url.port or 5432,
    }


def key_ring(name: str, default: str | None = None) -> dict[str, bytes]:
    """Encryption keys of `kid:base64,kid:base64`, 32 bytes each; the first is the active one."""
    keys: dict[str, bytes] = {}
    for item in text(name, default).split(","):
        kid, _, encoded = item.strip().partition(":")
        try:
            keys[kid] = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ImproperlyConfigured(f"{name}: the key {kid!r} is not base64.") from None
        if not kid or len(keys[kid]) != 32:
            raise ImproperlyConfigured(f"{name} must be a list of kid:base64 with 32 bytes each.")
    return keys
