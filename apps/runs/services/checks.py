"""What a caller hands in, checked before anything is written: inputs are any JSON, metadata is what jsonb can hold."""

from typing import Any, Final
from uuid import UUID

from apps.accounts.selectors import intake_pause
from apps.core import canonical
from apps.core.exceptions import Fault, MalformedRequest
from apps.core.parsers import read_json
from apps.runs.exceptions import IntakePaused, InvalidRunInput, PayloadsRemoved
from apps.runs.limits import Limits
from apps.runs.models import Run

MAX_METADATA_BYTES: Final = 16 * 1024
"""Lists show the metadata of every row, a hundred on a page."""
MAX_METADATA_KEYS: Final = 50
INTAKE_RETRY_SECONDS: Final = 30.0
_HIGHEST: Final = {"steps": 10**9, "tokens": 10**15, "usd": 10**7, "seconds": 10**18}


def require_intake(workspace_id: UUID) -> None:
    """Raises IntakePaused. One query."""
    if intake_pause(workspace_id) is not None:
        raise IntakePaused(retry_after=INTAKE_RETRY_SECONDS)


def encoded_input(value: Any) -> bytes:
    """The input as it is stored. Raises InvalidRunInput."""
    if value is None or value == "":
        raise _refusal("input", "empty", "The input is empty: give text or a JSON value.")
    return _encoded(value, "input")


def encoded_result(value: Any, limit: int) -> bytes:
    """What a person says that a call returned, as it is stored; `limit` in bytes. Raises InvalidRunInput."""
    data = _encoded(value, "result")
    if len(data) > limit:
        raise _refusal("result", "too_large", f"The result has {len(data)} bytes; {limit} are accepted.")
    return data


def require_metadata(metadata: dict[str, Any]) -> None:
    """Raises InvalidRunInput for what is no JSON, for NUL and lone surrogates, above 50 keys and above 16 KiB."""
    if len(metadata) > MAX_METADATA_KEYS:
        raise _refusal("metadata", "too_many_keys", f"The metadata has more than {MAX_METADATA_KEYS} keys.")
    data = _encoded(metadata, "metadata")
    if len(data) > MAX_METADATA_BYTES:
        raise _refusal("metadata", "too_large", f"The metadata has {len(data)} bytes; {MAX_METADATA_BYTES} may be.")
    try:
        read_json(data)
    except MalformedRequest as error:
        raise _refusal("metadata", error.code, f"The metadata cannot be stored: {error.message}") from error


def require_payloads(run: Run) -> None:
    """Raises PayloadsRemoved. Asked in a transaction that holds the run's row, or retention may come in between."""
    if Run.objects.filter(id=run.id, payloads_removed_at__isnull=False).exists():
        raise PayloadsRemoved


def require_limits(limits: Limits) -> None:
    """Raises InvalidRunInput for a ceiling below zero, beyond what can be booked, and for one that is no number.

    Callers may have got it from anywhere, and a claim that cannot read a run's limits would stand before all others.
    """
    for name, ceiling in limits.stored().items():
        is_number = isinstance(ceiling, int | float) and not isinstance(ceiling, bool)
        if not (is_number and 0 <= ceiling <= _HIGHEST[name]):
            raise _refusal(f"limits/{name}", "out_of_range", f"{ceiling} is no ceiling of {name}.")


def _encoded(value: Any, name: str) -> bytes:
    try:
        data = canonical.dump(value)
    except ValueError as error:
        raise _refusal(name, "not_json", f"The {name} is not JSON: {error}") from error
    # What has no JSON form of its own (NaN, a date, a tuple) would be read back as something else.
    if canonical.load(data) != value:
        raise _refusal(name, "not_json", f"The {name} holds a value that JSON cannot hold.")
    return data


def _refusal(name: str, code: str, detail: str) -> InvalidRunInput:
    return InvalidRunInput(detail, errors=[Fault(f"/{name}", code, detail)])
