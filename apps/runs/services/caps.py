"""Limiting how many runs of a workspace, an agent or an API key may be running at once."""

import logging
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction

from apps.accounts.models import Workspace
from apps.core.exceptions import Fault, InvalidInput
from apps.runs.cap_statements import ADD_PLACES, CLEAR_BEYOND, CLEAR_SPARE, HEAL, SEAT, STOP_CLAIMS
from apps.runs.caps import Subject, workspace_subject
from apps.runs.exceptions import AbovePlatformCap, CapBusy, CapNotFound
from apps.runs.models import Cap
from apps.runs.models.cap import CapKind

MOST: Final = 10_000
"""Places of one cap; each is a row."""

DEFAULTS_AT_ONCE: Final = 100

logger = logging.getLogger(__name__)


@transaction.atomic
def set_cap(subject: Subject, *, slots: int, patience_s: float = 5.0) -> Cap:
    """Let at most so many of the subject's runs be running at once, from now on; 0 lets none start.

    Runs that are running already count. When they are more than the cap, they go on, and none starts until fewer than
    the cap are left. For a moment no run is claimed or ended anywhere. Raises InvalidInput, and CapBusy when a
    transaction that has claimed or ended a run stays open for longer than `patience_s`.
    """
    if not 0 <= slots <= MOST:
        detail = f"A cap has 0 to {MOST} slots."
        raise InvalidInput(detail, errors=[Fault("/slots", "out_of_range", detail)])
    _stop_claims(patience_s)
    cap, _ = Cap.objects.update_or_create(
        workspace_id=subject.workspace_id, subject_id=subject.id, defaults={"kind": subject.kind, "slots": slots}
    )
    row: dict[str, Any] = {"cap": cap.id, "slots": slots, "workspace": subject.workspace_id, "subject": subject.id}
    with connection.cursor() as cursor:
        for statement in (CLEAR_BEYOND, ADD_PLACES, SEAT):
            cursor.execute(statement, row)
    return cap


def set_own_cap(subject: Subject, *, slots: int) -> Cap:
    """As `set_cap`, for a workspace's own people: with `CEF_WORKSPACE_SLOTS` it stays at or below that.

    Raises AbovePlatformCap too.
    """
    most = settings.CEF_WORKSPACE_SLOTS
    if subject.kind == CapKind.WORKSPACE and 0 < most < slots:
        raise AbovePlatformCap(f"At most {most} runs of this workspace may be running at once.")
    return set_cap(subject, slots=slots)


def remove_cap(workspace_id: UUID, cap_id: UUID) -> None:
    """Count the subject's runs no more. Raises CapNotFound."""
    removed, _ = Cap.objects.filter(workspace_id=workspace_id, id=cap_id).delete()
    if not removed:
        raise CapNotFound


def remove_own_cap(workspace_id: UUID, cap_id: UUID) -> None:
    """As `remove_cap`, for a workspace's own people: its own cap falls back to `CEF_WORKSPACE_SLOTS`, if there is one.

    Raises CapBusy too.
    """
    cap = Cap.objects.filter(workspace_id=workspace_id, id=cap_id).first()
    if cap is not None and cap.kind == CapKind.WORKSPACE and settings.CEF_WORKSPACE_SLOTS:
        set_cap(workspace_subject(workspace_id), slots=settings.CEF_WORKSPACE_SLOTS)
    else:
        remove_cap(workspace_id, cap_id)


def give_default_caps() -> int:
    """Cap each workspace that has no cap of its own at `CEF_WORKSPACE_SLOTS`; how many were made, at most a hundred."""
    if not settings.CEF_WORKSPACE_SLOTS:
        return 0
    capped = Cap.objects.filter(kind=CapKind.WORKSPACE).values("workspace_id")
    without = list(Workspace.objects.exclude(id__in=capped).values_list("id", flat=True)[:DEFAULTS_AT_ONCE])
    for done, workspace_id in enumerate(without):
        try:
            set_cap(workspace_subject(workspace_id), slots=settings.CEF_WORKSPACE_SLOTS)
        except CapBusy:
            logger.warning("Default caps are put off: a transaction that has claimed or ended a run is still open.")
            return done
    return len(without)


def heal_caps() -> int:
    """Free the places of runs that are not running, which no statement leaves behind; how many there were.

    Also removes the places beyond lowered caps whose runs have ended.
    """
    with connection.cursor() as cursor:
        cursor.execute(CLEAR_SPARE)
        cursor.execute(HEAL)
        healed = cursor.fetchall()
    for cap_id, run_id in healed:
        logger.error("A run that is not running held a place.", extra={"cap": str(cap_id), "run": str(run_id)})
    return len(healed)


def _stop_claims(patience_s: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{patience_s}s"])
        try:
            cursor.execute(STOP_CLAIMS)
        except OperationalError as error:
            raise CapBusy from error
