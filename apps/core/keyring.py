"""Encryption at rest: AES-256-GCM under a key ring apart from SECRET_KEY.

A token reads `v1:<key id>:<nonce>:<ciphertext>`. The `aad` binds it to its place (workspace, row, field), so that a
ciphertext copied into another row does not open. The ring's first key encrypts; every key of the ring decrypts.
"""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from apps.core.exceptions import Undecryptable

_VERSION = "v1"
_NONCE_BYTES = 12


def encrypt(plaintext: bytes, *, aad: str) -> str:
    """A token of the plaintext under the active key, bound to `aad`."""
    kid, key = next(iter(settings.CEF_ENCRYPTION_KEYS.items()))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plaintext, aad.encode())
    return ":".join((_VERSION, kid, _encode(nonce), _encode(sealed)))


def decrypt(token: str, *, aad: str) -> bytes:
    """The plaintext of a token. Raises Undecryptable for an unknown key, another `aad`, or a changed token."""
    version, kid, nonce, sealed = _parts(token)
    key = settings.CEF_ENCRYPTION_KEYS.get(kid)
    if version != _VERSION or key is None:
        raise Undecryptable("The secret was encrypted with a key that is not in CEF_ENCRYPTION_KEYS.", kid=kid)
    try:
        return AESGCM(key).decrypt(_decode(nonce), _decode(sealed), aad.encode())
    except (InvalidTag, ValueError) as error:
        raise Undecryptable("The secret was changed, or moved from the row it belongs to.", kid=kid) from error


def _parts(token: str) -> list[str]:
    parts = token.split(":")
    if len(parts) != 4:
        raise Undecryptable("The secret is not a token of the key ring.")
    return parts


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error
