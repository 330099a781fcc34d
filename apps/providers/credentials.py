"""Providers' credentials: what each kind needs, sealed under the key ring, opened only to build a client."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apps.core import keyring
from apps.providers.exceptions import InvalidCredentials
from apps.providers.kinds import ProviderKind
from apps.providers.models import Provider

_API_KEY: Final = frozenset({"api_key"})
_AWS: Final = frozenset({"aws_access_key_id", "aws_secret_access_key"})
_AWS_SESSION: Final = _AWS | {"aws_session_token"}
_ACCEPTED: Final[dict[str, tuple[frozenset[str], ...]]] = {
    ProviderKind.OPENAI_COMPATIBLE: (_API_KEY,),
    ProviderKind.OPENAI: (_API_KEY,),
    ProviderKind.ANTHROPIC: (_API_KEY,),
    ProviderKind.GOOGLE: (_API_KEY,),
    ProviderKind.BEDROCK: (_API_KEY, _AWS, _AWS_SESSION),
    ProviderKind.LOCAL: (_API_KEY,),
    ProviderKind.SCRIPTED: (),
}
_OPTIONAL: Final = frozenset({ProviderKind.OPENAI_COMPATIBLE, ProviderKind.LOCAL, ProviderKind.SCRIPTED})
_HINT_LENGTH: Final = 4
_SHORTEST_WITH_HINT: Final = 16


@dataclass(frozen=True, slots=True)
class SealedCredentials:
    """What is stored: the ciphertext, the secret's last characters, and a fingerprint that tells it from another."""

    token: str
    hint: str
    fingerprint: str


def seal(provider: Provider, values: Mapping[str, str]) -> SealedCredentials:
    """The credentials as they are stored in this provider's row. Raises InvalidCredentials."""
    check_credentials(provider.kind, values)
    plain = json.dumps(dict(values), sort_keys=True).encode()
    secret = values.get("api_key") or values["aws_secret_access_key"]
    return SealedCredentials(
        token=keyring.encrypt(plain, aad=_aad(provider)),
        hint=secret[-_HINT_LENGTH:] if len(secret) >= _SHORTEST_WITH_HINT else "",
        fingerprint=hashlib.sha256(provider.id.bytes + plain).hexdigest()[:12],
    )


def unseal(provider: Provider) -> dict[str, str]:
    """The credentials in clear, or none where none are needed. Raises InvalidCredentials, Undecryptable."""
    if provider.credentials:
        values: dict[str, str] = json.loads(keyring.decrypt(provider.credentials, aad=_aad(provider)))
        return values
    if provider.kind not in _OPTIONAL:
        raise InvalidCredentials(f"The provider {provider.slug!r} has no credentials yet.", code="credentials_missing")
    return {}


def reseal(provider: Provider) -> str:
    """The same credentials under the key ring's active key."""
    return keyring.encrypt(keyring.decrypt(provider.credentials, aad=_aad(provider)), aad=_aad(provider))


def check_credentials(kind: str, values: Mapping[str, str]) -> None:
    """Raises InvalidCredentials when a provider of this kind takes others."""
    accepted = _ACCEPTED[kind]
    if frozenset(values) not in accepted:
        forms = " or ".join(" + ".join(sorted(form)) for form in accepted) or "none"
        raise InvalidCredentials(f"A provider of kind {kind!r} takes these credentials: {forms}.")
    for name, value in values.items():
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise InvalidCredentials(f"The credential {name!r} must be printable ASCII without spaces.")


def _aad(provider: Provider) -> str:
    return f"provider:{provider.workspace_id}:{provider.id}"
