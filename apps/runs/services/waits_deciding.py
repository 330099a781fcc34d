"""What people say: approve or reject a call, answer a question."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.accounts.permissions import Permission, Role
from apps.accounts.principals import Principal
from apps.agents.selectors import version_bundle
from apps.core import canonical
from apps.core.exceptions import Fault
from apps.runs import payloads
from apps.runs.approvals import approvals_of
from apps.runs.exceptions import (
    AlreadyDecided,
    DigestMismatch,
    InvalidDecision,
    NotYoursToDecide,
    WaitNotOpen,
)
from apps.runs.models import Decision, Wait
from apps.runs.services.waits_due import settle_if_due
from apps.runs.services.waits_settling import lock_wait, settle, tell
from apps.runs.states import EventType, Verdict, WaitKind, WaitState
from apps.runs.text import storable
from apps.runs.waiting import LARGEST_RESULT, Ending, Result, call_digest, denied, failed, returned
from apps.runs.waits import edited_arguments, has_assignee
from apps.tools.schemas import compile_validator, faults

VERDICTS: Final = {
    WaitKind.APPROVAL: frozenset({Verdict.APPROVE, Verdict.REJECT}),
    WaitKind.QUESTION: frozenset({Verdict.ANSWER, Verdict.REJECT}),
}


@dataclass(frozen=True, kw_only=True)
class Word:
    """A verdict on what `digest` names; `arguments` are those of the call as edited by who approves it."""

    verdict: Verdict
    digest: bytes
    arguments: dict[str, Any] | None = None
    answer: Any = None
    note: str = ""


def decide_wait(principal: Principal, wait_id: UUID, word: Word) -> Wait:
    """The wait after this word: ended, or still open when more people must approve.

    Approvals count as long as those who gave them may decide. When the wait's time is over its policy comes first,
    whether or not somebody has swept. Locks the run's row. Raises WaitNotFound, WaitNotOpen, NotYoursToDecide (wrong
    role, not the assignee, or who asked for the run or a service account would approve), DigestMismatch when the call
    is not the one that was shown, AlreadyDecided for a second word of the same person on the same arguments, and
    InvalidDecision for arguments or an answer against the schema.
    """
    settle_if_due(wait_id)
    with transaction.atomic():
        wait = lock_wait(wait_id, workspace_id=principal.workspace_id)
        _require_open(wait, word)
        require_decider(principal, wait, word.verdict)
        if bytes(wait.digest) != word.digest:
            raise DigestMismatch(digest=bytes(wait.digest).hex())
        _apply(wait, word, principal)
        wait.refresh_from_db()
    return wait


def require_decider(principal: Principal, wait: Wait, verdict: Verdict) -> None:
    """Raises NotYoursToDecide. A user's API key is that user, also as the one who asked for the run."""
    if not principal.can(Permission.WAITS_DECIDE):
        raise NotYoursToDecide
    if wait.assignee_id is not None and (principal.kind, principal.id) != ("user", wait.assignee_id):
        _require_stand_in(principal, wait)
    if wait.role and Role(wait.role).outranks(principal.role):
        raise NotYoursToDecide(f"This needs the role {wait.role} or a higher one.")
    if verdict == Verdict.APPROVE and principal.kind == "service_account" and not wait.services:
        raise NotYoursToDecide("People approve this call; a service account is none.", code="people_only")
    asked_for_it = (wait.run.created_by_kind, wait.run.created_by_id) == (principal.kind, principal.id)
    if verdict == Verdict.APPROVE and asked_for_it:
        raise NotYoursToDecide("Who asked for a run cannot approve its calls.", code="requester_cannot_approve")


def _require_stand_in(principal: Principal, wait: Wait) -> None:
    """Administrators decide for an assignee who has left or may not decide any more."""
    if has_assignee(wait) or Role.ADMIN.outranks(principal.role):
        raise NotYoursToDecide("Another member was asked.")


def _require_open(wait: Wait, word: Word) -> None:
    if wait.state != WaitState.OPEN:
        raise WaitNotOpen(f"The wait is {wait.state}.", state=wait.state)
    if word.verdict not in VERDICTS.get(WaitKind(wait.kind), frozenset()):
        raise _invalid("/verdict", "not_applicable", f"A wait for {wait.kind} takes no {word.verdict}.")


def _apply(wait: Wait, word: Word, principal: Principal) -> None:
    said = {"verdict": word.verdict.value, "by": principal.kind, "id": str(principal.id)}
    match word.verdict:
        case Verdict.ANSWER:
            answer = _checked_answer(wait, word)
            _write_down(wait, word, principal)
            settle(wait, returned(answer), told=said)
        case Verdict.REJECT:
            _write_down(wait, word, principal)
            settle(wait, _refusal(wait, word.note), told=said)
        case Verdict.APPROVE:
            _approve(wait, word, principal, said)


def _approve(wait: Wait, word: Word, principal: Principal, said: dict[str, str]) -> None:
    if word.arguments is not None:
        _require_json(word.arguments, "/arguments")
        _edit(wait, word.arguments)
    _write_down(wait, word, principal)
    count = approvals_of(wait)
    tell(wait, EventType.WAIT_DECIDED, said | {"approvals": count, "needed": wait.needed})
    if count >= wait.needed:
        edited = edited_arguments(wait, list(wait.decisions.order_by("id")))
        settle(wait, Result(ending=Ending.APPROVED, arguments=edited), told=said)


def _edit(wait: Wait, arguments: dict[str, Any]) -> None:
    """Others arguments than were shown: from now on they are what is decided on, and earlier approvals do not count."""
    bundle = version_bundle(wait.run.agent_version_id)
    schema = next(tool.input_schema for tool in bundle.tools if tool.name == wait.tool)
    found = faults(compile_validator(schema), arguments)
    if found:
        raise InvalidDecision(
            "The arguments break the tool's schema.",
            errors=[Fault(f"/arguments{fault.pointer}", fault.code, fault.detail) for fault in found],
        )
    wait.digest = call_digest(wait.tool, arguments)
    wait.save(update_fields=["digest"])


def _write_down(wait: Wait, word: Word, principal: Principal) -> None:
    try:
        with transaction.atomic():
            Decision.objects.create(
                wait=wait,
                verdict=word.verdict,
                digest=wait.digest,
                arguments=_kept(wait, word.arguments),
                note=storable(word.note),
                decided_by_kind=principal.kind,
                decided_by_id=principal.id,
            )
    except IntegrityError as error:
        if "one_word_each" not in str(error):
            raise
        raise AlreadyDecided from None


def _kept(wait: Wait, arguments: dict[str, Any] | None) -> bytes | None:
    return None if arguments is None else payloads.store(wait.workspace_id, canonical.dump(arguments), "arguments")


def _checked_answer(wait: Wait, word: Word) -> Any:
    require_answer(word.answer, "/answer")
    found = faults(compile_validator(wait.answer_schema), word.answer) if wait.answer_schema is not None else ()
    if found:
        pointers = [Fault(f"/answer{fault.pointer}", fault.code, fault.detail) for fault in found]
        raise InvalidDecision("The answer breaks the question's schema.", errors=pointers)
    return word.answer


def require_answer(value: Any, pointer: str) -> None:
    """Raises InvalidDecision for what is no JSON, and above 1 MiB."""
    size = len(_require_json(value, pointer))
    if size > LARGEST_RESULT:
        raise _invalid(pointer, "too_large", f"This has {size} bytes; {LARGEST_RESULT} are accepted.")


def _require_json(value: Any, pointer: str) -> bytes:
    try:
        data = canonical.dump(value)
    except ValueError as error:
        raise _invalid(pointer, "not_json", f"This is not JSON: {error}") from error
    # NaN, a date or a tuple would be read back as something else.
    if canonical.load(data) != value:
        raise _invalid(pointer, "not_json", "This holds a value that JSON cannot hold.")
    return data


def _refusal(wait: Wait, note: str) -> Result:
    reason = f" {note.strip()}" if note.strip() else ""
    if wait.kind == WaitKind.QUESTION:
        return failed(f"The question was not answered.{reason}")
    return denied(f"The call was rejected.{reason}")


def _invalid(pointer: str, code: str, detail: str) -> InvalidDecision:
    return InvalidDecision(detail, errors=[Fault(pointer, code, detail)])
