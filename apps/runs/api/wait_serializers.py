"""The wire form of waits and decisions."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema_serializer
from rest_framework import serializers

from apps.core.serializers import StrictSerializer
from apps.runs.api.examples import DETAIL, EXPORT
from apps.runs.api.filters import PAGING
from apps.runs.api.serializers import (
    AnyJSONField,
    DeciderSerializer,
    GivenJSONField,
    RunDetailSerializer,
    RunExportSerializer,
)
from apps.runs.states import OnDue, RunStatus, Verdict, WaitKind, WaitState
from apps.runs.waiting import Ending
from apps.runs.waits import WaitFilter

_DIGEST: Final = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

WAIT: Final[dict[str, Any]] = {
    "id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a20",
    "run_id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10",
    "agent": "billing",
    "kind": "approval",
    "state": "open",
    "tool": "pay",
    "tool_call_id": "call_1",
    "prompt": "",
    "digest": _DIGEST,
    "assignee_id": None,
    "role": "admin",
    "needed": 1,
    "services": False,
    "approvals": 0,
    "due_at": "2026-11-24T09:30:00Z",
    "on_due": "reject",
    "escalate_role": None,
    "child_id": None,
    "created_at": "2026-11-23T09:30:00Z",
    "resolved_at": None,
}


def _answer(value: dict[str, Any]) -> list[OpenApiExample]:
    return [OpenApiExample("A call that needs consent", value=value, response_only=True)]


@extend_schema_serializer(examples=_answer(WAIT))
class WaitSerializer(serializers.Serializer[Any]):
    """A wait as lists show it, without the call's arguments."""

    id = serializers.UUIDField()
    run_id = serializers.UUIDField()
    agent = serializers.CharField()
    kind = serializers.ChoiceField([kind.value for kind in WaitKind])
    state = serializers.ChoiceField([state.value for state in WaitState])
    tool = serializers.CharField()
    tool_call_id = serializers.CharField()
    prompt = serializers.CharField(help_text="The question, the name of the event, or the other agent.")
    digest = serializers.CharField(help_text="Names the exact call; a decision carries it.")
    assignee_id = serializers.UUIDField(allow_null=True, help_text="The only user who may decide.")
    role = serializers.CharField(allow_null=True, help_text="The lowest role that may decide.")
    needed = serializers.IntegerField(help_text="How many people must approve.")
    services = serializers.BooleanField(help_text="Whether approvals of service accounts count.")
    approvals = serializers.IntegerField(
        help_text="How many have approved these arguments, without those who may not decide any more."
    )
    due_at = serializers.DateTimeField(allow_null=True)
    on_due = serializers.ChoiceField([due.value for due in OnDue])
    escalate_role = serializers.CharField(allow_null=True)
    child_id = serializers.UUIDField(allow_null=True, help_text="The run that is waited for.")
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class WaitDecisionSerializer(serializers.Serializer[Any]):
    """One person's word."""

    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    digest = serializers.CharField(help_text="Of the call that it is about.")
    arguments = AnyJSONField(help_text="As edited with it.")
    note = serializers.CharField()
    by = DeciderSerializer()
    at = serializers.DateTimeField()


class WaitResultSerializer(serializers.Serializer[Any]):
    """How a wait ended."""

    ending = serializers.ChoiceField([ending.value for ending in Ending])
    value = AnyJSONField(help_text="What the call gave.")
    message = serializers.CharField(allow_null=True, help_text="What the model was told instead.")
    arguments = AnyJSONField(help_text="With which the call was approved, if somebody edited them.")


class EventAddressSerializer(serializers.Serializer[Any]):
    """Where the event is to be reported."""

    token = serializers.CharField()
    url = serializers.URLField()


@extend_schema_serializer(
    examples=_answer(
        WAIT
        | {
            "arguments": {"amount": 700, "to": "ACME"},
            "edited_arguments": None,
            "answer_schema": None,
            "decisions": [],
            "result": None,
            "event": None,
        }
    )
)
class WaitDetailSerializer(WaitSerializer):
    """One wait with everything."""

    arguments = AnyJSONField(help_text="As the model gave them.")
    edited_arguments = AnyJSONField(help_text="What is to be decided on, when somebody has edited them; else null.")
    answer_schema = AnyJSONField(help_text="JSON Schema of the answer.")
    decisions = WaitDecisionSerializer(many=True)
    result = WaitResultSerializer(allow_null=True)
    event = EventAddressSerializer(allow_null=True, help_text="Only for who may decide, while it is open.")


@extend_schema_serializer(
    examples=[
        OpenApiExample("Approve", value={"verdict": "approve", "digest": _DIGEST}, request_only=True),
        OpenApiExample(
            "Approve less",
            value={"verdict": "approve", "digest": _DIGEST, "arguments": {"amount": 70, "to": "ACME"}},
            request_only=True,
        ),
        OpenApiExample(
            "Reject", value={"verdict": "reject", "digest": _DIGEST, "note": "Too much."}, request_only=True
        ),
        OpenApiExample("Answer", value={"verdict": "answer", "digest": _DIGEST, "answer": "Blue"}, request_only=True),
    ]
)
class DecisionSerializer(StrictSerializer):
    """A word on what `digest` names."""

    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    digest = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="Of the wait, as it was shown.")
    arguments = serializers.DictField(required=False, help_text="With `approve`: make the call with these instead.")
    answer = GivenJSONField(required=False, help_text="With `answer`: any JSON that keeps the question's schema.")
    note = serializers.CharField(required=False, allow_blank=True, max_length=4000, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Each verdict takes what belongs to it."""
        verdict = Verdict(attrs["verdict"])
        _only_with(attrs, "answer", verdict == Verdict.ANSWER)
        _only_with(attrs, "arguments", verdict == Verdict.APPROVE)
        if verdict == Verdict.ANSWER and "answer" not in attrs:
            raise serializers.ValidationError({"answer": "What is the answer?"}, code="required")
        return {**attrs, "verdict": verdict, "digest": bytes.fromhex(attrs["digest"])}


def _only_with(attrs: dict[str, Any], name: str, fits: bool) -> None:
    if name in attrs and not fits:
        raise serializers.ValidationError({name: "It does not go with this verdict."}, code="not_applicable")


@extend_schema_serializer(
    examples=[OpenApiExample("A run with all that it left", value=EXPORT[0].value | {"waits": []}, response_only=True)]
)
class WholeRunSerializer(RunExportSerializer):
    """Everything the platform holds about a run, with what it waited for."""

    waits = WaitDetailSerializer(many=True)


class ChildSerializer(serializers.Serializer[Any]):
    """A run that was started by another."""

    id = serializers.UUIDField()
    agent = serializers.CharField()
    status = serializers.ChoiceField([status.value for status in RunStatus])


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A run that waits",
            value=DETAIL[0].value
            | {"status": "waiting", "stop_reason": None, "output": None, "finished_at": None}
            | {"waits": [WAIT], "children": []},
            response_only=True,
        )
    ]
)
class RunWithRelativesSerializer(RunDetailSerializer):
    """One run with its input and output, its open waits, and the first hundred runs that it started."""

    waits = WaitSerializer(many=True)
    children = ChildSerializer(many=True)


REPORTED: Final = [
    OpenApiExample("A payment", value={"amount": 700, "currency": "EUR"}, request_only=True),
    OpenApiExample(
        "Received",
        value={"wait_id": WAIT["id"], "state": WaitState.RESOLVED.value},
        response_only=True,
        status_codes=["200"],
    ),
]


class EventReceiptSerializer(serializers.Serializer[Any]):
    """The event has been received."""

    wait_id = serializers.UUIDField()
    state = serializers.ChoiceField([state.value for state in WaitState])


class WaitFilterSerializer(StrictSerializer):
    """Narrows a list of waits."""

    scope = serializers.ChoiceField(["mine", "all"], default="mine")
    kind = serializers.ChoiceField([kind.value for kind in WaitKind], required=False)
    state = serializers.ChoiceField([state.value for state in WaitState], default=WaitState.OPEN.value)
    run = serializers.UUIDField(required=False)


def read_filter(query: dict[str, Any]) -> WaitFilter:
    """The filter of a query string. Raises ValidationError, also for parameters that do not exist."""
    serializer = WaitFilterSerializer(data={name: value for name, value in query.items() if name not in PAGING})
    serializer.is_valid(raise_exception=True)
    found = serializer.validated_data
    return WaitFilter(
        mine=found["scope"] == "mine",
        kind=WaitKind(found["kind"]) if "kind" in found else None,
        state=WaitState(found["state"]),
        run_id=found.get("run"),
    )


PARAMETERS: Final = [
    OpenApiParameter("scope", str, enum=["mine", "all"], description="`mine`: those that you may decide."),
    OpenApiParameter("kind", str, enum=[kind.value for kind in WaitKind]),
    OpenApiParameter("state", str, enum=[state.value for state in WaitState], description="By default the open ones."),
    OpenApiParameter("run", {"type": "string", "format": "uuid"}, description="Those of one run."),
]
