"""The tree of everything the platform refuses or fails at; no HTTP here, `core/problems.py` knows the statuses.

CefError
├── MalformedRequest    the request cannot be read
├── NotAuthenticated    no credential, or one that is wrong, expired or revoked
├── PermissionDenied    the principal lacks a permission
├── NotFound            no such row, or it belongs to another workspace
├── Conflict            the row's state, or another writer, forbids it
├── PayloadTooLarge     more bytes than are accepted
├── InvalidInput        readable, and wrong: `errors` says where
├── LimitExceeded       too much, too fast, too many
├── Unavailable         cannot be served now; try again after `retry_after` seconds
└── Undecryptable       a stored ciphertext does not open with the key ring at hand
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where (RFC 6901 JSON pointer), a stable code, a sentence."""

    pointer: str
    code: str
    detail: str


class CefError(Exception):
    """A refusal with a sentence for people, a stable `code` for programs and JSON-ready `details`.

    `errors` says what is wrong where; without a message the class's docstring speaks.
    """

    code = "error"

    def __init__(
        self, message: str = "", *, code: str | None = None, errors: Sequence[Fault] = (), **details: Any
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.message)
        self.code = code or type(self).code
        self.errors = tuple(errors)
        self.details = details


class MalformedRequest(CefError):
    """The request cannot be read."""

    code = "malformed_request"


class NotAuthenticated(CefError):
    """A valid credential is needed."""

    code = "not_authenticated"


class PermissionDenied(CefError):
    """The credential does not permit this."""

    code = "permission_denied"


class NotFound(CefError):
    """There is no such thing here."""

    code = "not_found"


class Conflict(CefError):
    """The present state forbids this."""

    code = "conflict"


class Gone(CefError):
    """This was here and has been erased."""

    code = "gone"


class PayloadTooLarge(CefError):
    """The request's body is too large."""

    code = "payload_too_large"


class InvalidInput(CefError):
    """The input is not valid."""

    code = "invalid_input"


class _Retryable(CefError):
    """Worth another try after `retry_after` seconds."""

    def __init__(self, message: str = "", *, retry_after: float = 1.0, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class LimitExceeded(_Retryable):
    """A limit is reached."""

    code = "limit_exceeded"


class Unavailable(_Retryable):
    """This cannot be served now."""

    code = "unavailable"


class Undecryptable(CefError):
    """A stored secret does not open with the keys at hand."""

    code = "undecryptable"
