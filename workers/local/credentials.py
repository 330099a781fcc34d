"""Secrets of an embedded stack: made on the first start, kept in one file that only its owner reads."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from workers.local.cluster import write_private


def _words() -> str:
    return secrets.token_urlsafe(40)


def _key_ring() -> str:
    return "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Credentials:
    """The environment's secrets by their lower-case names, and the name by which the stack's processes are known."""

    stack_id: str = field(default_factory=lambda: secrets.token_hex(8))
    secret_key: str = field(default_factory=_words)
    cef_encryption_keys: str = field(default_factory=_key_ring)
    cef_api_key_pepper: str = field(default_factory=_words)
    cef_flower_client_secret: str = field(default_factory=_words)
    cef_flower_cookie_secret: str = field(default_factory=_words)
    cef_flower_metrics_token: str = field(default_factory=_words)

    def environment(self) -> dict[str, str]:
        """As environment variables."""
        values = asdict(self)
        return {"CEF_STACK_ID": values.pop("stack_id")} | {name.upper(): value for name, value in values.items()}


def credentials(file: Path) -> Credentials:
    """Those in the file; what is missing is made and added."""
    kept = json.loads(file.read_text()) if file.exists() else {}
    known = {item.name for item in fields(Credentials)}
    result = Credentials(**{name: value for name, value in kept.items() if name in known})
    if asdict(result) != kept:
        write_private(file, json.dumps(asdict(result), indent=2) + "\n")
    return result
