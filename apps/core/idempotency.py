"""`Idempotency-Key`: one effect and one answer for however many tries of the same POST.

The key is looked up, the request handled and its answer stored in one transaction, under an advisory lock of the key
that a second try does not wait for. So either the effect and the stored answer are both there, or neither is. A failed
answer (4xx, 5xx) rolls back and is not stored: the next try runs anew. Answers are encrypted at rest, since the one
that creates an API key holds its secret. When the row that an answer describes is erased, so is the answer; its key
stays used.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models.functions import Now
from django.http import HttpResponse, HttpResponseBase, QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import keyring
from apps.core.canonical import canonical_bytes
from apps.core.exceptions import Conflict, Gone, InvalidInput, MalformedRequest
from apps.core.models import IdempotencyKey
from apps.core.renderers import FastJSONRenderer

HEADER: Final = "Idempotency-Key"
MAX_LENGTH: Final = 255


class IdempotencyInFlight(Conflict):
    """A request with this Idempotency-Key is being handled; try again in a moment."""

    code = "idempotency_in_flight"


class AnswerErased(Gone):
    """What an earlier try under this Idempotency-Key made has been erased."""

    code = "answer_erased"


class IdempotencyMismatch(InvalidInput):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_mismatch"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: who sent it, under which key, and the hash of what it asks for."""

    workspace_id: uuid.UUID
    principal_id: uuid.UUID
    key: str
    fingerprint: bytes

    @property
    def lock(self) -> int:
        """The 64-bit number of the advisory lock, the same for every try under this key."""
        name = f"{self.workspace_id}:{self.principal_id}:{self.key}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def read_key(request: Request) -> str | None:
    """The request's key. Raises MalformedRequest (`invalid_idempotency_key`) when it is empty or too long."""
    key: str | None = request.headers.get(HEADER)
    if key is not None and not 1 <= len(key.strip()) <= MAX_LENGTH:
        message = f"{HEADER} must have 1 to {MAX_LENGTH} characters."
        raise MalformedRequest(message, code="invalid_idempotency_key")
    return key


def fingerprint(request: Request) -> bytes:
    """SHA-256 of method, address and body, whatever the body's key order or whitespace."""
    hashed = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    for part in _body_parts(request.data):
        hashed.update(hashlib.sha256(part).digest())
    return hashed.digest()


def answer_once(attempt: Attempt, handle: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The stored answer of an earlier try, or that of `handle`, stored in the transaction of its effects.

    Raises IdempotencyInFlight when another try is being handled, IdempotencyMismatch when the key was used for another
    request, AnswerErased when what that try made is no more. Holds an advisory lock on the key, and opens a transaction
    around `handle`. A stream is not stored.
    """
    with transaction.atomic():
        _lock(attempt)
        kept = _find(attempt)
        if kept is not None:
            return _replay(kept, attempt)
        response = handle()
        if response.status_code >= 400:
            transaction.set_rollback(True)
        elif isinstance(response, HttpResponse):
            _keep(attempt, response)
        return response


def erase_answers(*subject_ids: uuid.UUID) -> None:
    """Empty the stored answers that describe these rows; a later try is told so and has no effect."""
    IdempotencyKey.objects.filter(subject_id__in=subject_ids).update(body=b"")


def _lock(attempt: Attempt) -> None:
    # A statement of its own: the look-up after it must have a snapshot taken under the lock, or a try that just
    # finished could be missed and its effect doubled.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [attempt.lock])
        row = cursor.fetchone()
    if row is None or not row[0]:
        raise IdempotencyInFlight


def _find(attempt: Attempt) -> IdempotencyKey | None:
    rows = IdempotencyKey.objects.filter(workspace_id=attempt.workspace_id, principal_id=attempt.principal_id)
    return rows.filter(key=attempt.key, expires_at__gt=Now()).first()


def _replay(kept: IdempotencyKey, attempt: Attempt) -> HttpResponse:
    if bytes(kept.fingerprint) != attempt.fingerprint:
        raise IdempotencyMismatch
    if kept.subject_id and not kept.body:
        raise AnswerErased
    body = keyring.decrypt(bytes(kept.body).decode(), aad=_aad(attempt))
    return HttpResponse(body, status=kept.status, headers={**kept.headers, "Idempotent-Replayed": "true"})


def _keep(attempt: Attempt, response: HttpResponse) -> None:
    """Store the answer, over an expired row of the same key if there is one."""
    body = FastJSONRenderer().render(response.data) if isinstance(response, Response) else response.content
    row = IdempotencyKey(
        workspace_id=attempt.workspace_id,
        principal_id=attempt.principal_id,
        key=attempt.key,
        fingerprint=attempt.fingerprint,
        status=response.status_code,
        headers=_headers(response),
        body=keyring.encrypt(body, aad=_aad(attempt)).encode(),
        subject_id=_subject(response),
    )
    IdempotencyKey.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["workspace_id", "principal_id", "key"],
        update_fields=["fingerprint", "status", "headers", "body", "subject_id", "expires_at"],
    )


def _subject(response: HttpResponse) -> uuid.UUID | None:
    data = response.data if isinstance(response, Response) else None
    named = data.get("id") if isinstance(data, dict) else None
    try:
        return uuid.UUID(str(named)) if named else None
    except ValueError:
        return None  # an API key's public id, say


def _headers(response: HttpResponse) -> dict[str, str]:
    # DRF renders after the handler, so its Response still carries Django's default content type here.
    media_type = FastJSONRenderer.media_type if isinstance(response, Response) else response.headers["Content-Type"]
    location = {"Location": response.headers["Location"]} if "Location" in response.headers else {}
    return {"Content-Type": media_type, **location}


def _aad(attempt: Attempt) -> str:
    return f"idempotency:{attempt.workspace_id}:{attempt.principal_id}:{attempt.key}"


def _body_parts(data: Any) -> Iterator[bytes]:
    if not isinstance(data, QueryDict):
        yield canonical_bytes(data)
        return
    for name, values in sorted(data.lists()):
        yield name.encode()
        for value in values:
            yield from _file_parts(value) if isinstance(value, UploadedFile) else [str(value).encode()]


def _file_parts(file: "UploadedFile[bytes]") -> Iterator[bytes]:
    yield (file.name or "").encode()
    yield from file.chunks()
    file.seek(0)
