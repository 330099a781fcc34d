"""The wire form of runs and threads: strict on the way in, documented on the way out."""

import base64
import binascii
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.core.serializers import StrictSerializer
from apps.runs.api import examples
from apps.runs.limits import Limits
from apps.runs.services import Attachment, EffectDecision
from apps.runs.states import EffectState, EventType, RunStatus, StepKind, StopReason, Strategy

MODES: Final = ("background", "wait", "stream")
MAX_FILES: Final = 20
MAX_FILE_BYTES: Final = 5 * 1024 * 1024


@extend_schema_field(OpenApiTypes.ANY)
class AnyJSONField(serializers.JSONField):
    """Text, number, object, list, null: any JSON value."""


class GivenJSONField(AnyJSONField):
    """Any JSON value that somebody gives, null too."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (True, None) if data is None else super().validate_empty_values(data)


class LimitsSerializer(StrictSerializer):
    """Ceilings of one run; the lower of these and the agent's holds."""

    steps = serializers.IntegerField(min_value=1, max_value=10_000, required=False)
    tokens = serializers.IntegerField(min_value=1, max_value=1_000_000_000, required=False)
    usd = serializers.FloatField(min_value=0.000001, max_value=1_000_000, required=False)
    seconds = serializers.FloatField(min_value=1, max_value=30 * 86_400, required=False)

    def to_internal_value(self, data: Any) -> Limits:
        return Limits(**super().to_internal_value(data))


class FileSerializer(StrictSerializer):
    """A file or image of the input, base64; stored once per workspace, by hash."""

    name = serializers.CharField(max_length=200)
    media_type = serializers.RegexField(r"^[a-z]+/[a-z0-9][a-z0-9.+-]*$", max_length=100)
    data = serializers.CharField(  # type: ignore[assignment]  # DRF takes fields off the class
        trim_whitespace=False, help_text="Base64, at most 5 MiB decoded."
    )

    def to_internal_value(self, data: Any) -> Attachment:
        value = super().to_internal_value(data)
        try:
            decoded = base64.b64decode(value["data"], validate=True)
        except (binascii.Error, ValueError):
            raise serializers.ValidationError({"data": "This is not base64."}, code="invalid_base64") from None
        if len(decoded) > MAX_FILE_BYTES:
            raise serializers.ValidationError({"data": "The file is larger than 5 MiB."}, code="file_too_large")
        return Attachment(name=value["name"], media_type=value["media_type"], data=decoded)


@extend_schema_serializer(examples=examples.CREATE)
class RunCreateSerializer(StrictSerializer):
    """What to run, and how to answer."""

    agent = serializers.CharField(max_length=120, help_text="A slug, `slug@3` or `slug@label`.")
    input = AnyJSONField(help_text="Text or any JSON value.")
    thread_id = serializers.UUIDField(required=False, allow_null=True, help_text="The conversation it continues.")
    multitask_strategy = serializers.ChoiceField(
        [strategy.value for strategy in Strategy],
        default=Strategy.REJECT.value,
        help_text="While a run of the thread has not ended: `reject` this one (409 `thread_busy`), `enqueue` it, "
        "`interrupt` those before it (what they said stays in the thread), or `rollback` (it does not; 409 "
        "`effect_committed` when one of them has changed the world).",
    )
    limits = LimitsSerializer(required=False)
    metadata = serializers.DictField(required=False, help_text="Up to 50 keys and 16 KiB of your own, to filter by.")
    files = FileSerializer(many=True, required=False)
    mode = serializers.ChoiceField(
        MODES,
        default="background",
        help_text="`background` answers 202 at once; `wait` and `stream` answer 303 to the `live` server, which "
        "answers when the run has ended, or streams its events.",
    )

    def validate_files(self, value: list[Attachment]) -> list[Attachment]:
        if len(value) > MAX_FILES:
            raise serializers.ValidationError("More than 20 files.", code="too_many_files")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["multitask_strategy"] != Strategy.REJECT and attrs.get("thread_id") is None:
            refusal = "Only a run of a thread can have others before it: give thread_id."
            raise serializers.ValidationError({"multitask_strategy": refusal}, code="without_thread")
        return attrs


@extend_schema_serializer(examples=examples.RESUME)
class ResumeSerializer(StrictSerializer):
    """How a failed run goes on."""

    limits = LimitsSerializer(required=False, help_text="Replace the run's limits, say after `budget_exceeded`.")


@extend_schema_serializer(examples=examples.RERUN)
class RerunSerializer(StrictSerializer):
    """Where a rerun begins, and what it does otherwise."""

    from_step = serializers.IntegerField(min_value=1, help_text="1, or the number of a model call.")
    input = AnyJSONField(required=False, help_text="Only from step 1.")
    agent_version = serializers.IntegerField(required=False, min_value=1, help_text="Another version of the agent.")
    limits = LimitsSerializer(required=False)


@extend_schema_serializer(examples=examples.FORK)
class ForkSerializer(StrictSerializer):
    """Up to where a conversation is copied."""

    at_run = serializers.UUIDField(required=False, allow_null=True, help_text="The last run that is copied.")
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)


@extend_schema_serializer(examples=examples.THREAD)
class ThreadSerializer(StrictSerializer):
    """A conversation."""

    id = serializers.UUIDField(read_only=True)
    title = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    metadata = serializers.DictField(required=False, default=dict)
    forked_from = serializers.UUIDField(read_only=True, source="forked_from_id", allow_null=True)
    forked_at = serializers.UUIDField(read_only=True, allow_null=True, help_text="The last run that was copied.")
    created_at = serializers.DateTimeField(read_only=True)


class ErrorSerializer(serializers.Serializer[Any]):
    """Why a run failed."""

    code = serializers.CharField()
    detail = serializers.CharField()


class UsageSerializer(serializers.Serializer[Any]):
    """What a run has used so far."""

    steps = serializers.IntegerField()
    model_calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.CharField(help_text="A decimal number of USD.")


class LinksSerializer(serializers.Serializer[Any]):
    """Absolute addresses."""

    self = serializers.URLField()
    events = serializers.URLField()
    live = serializers.URLField()
    admin = serializers.URLField()


@extend_schema_serializer(examples=examples.LISTED)
class RunSerializer(serializers.Serializer[Any]):
    """A run as lists show it, without payloads."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField([status.value for status in RunStatus])
    stop_reason = serializers.ChoiceField([reason.value for reason in StopReason], allow_null=True)
    attempt = serializers.IntegerField()
    agent = serializers.CharField()
    agent_version = serializers.IntegerField()
    held = serializers.BooleanField(help_text="Queued behind another run of its thread.")
    thread_id = serializers.UUIDField(allow_null=True)
    parent_id = serializers.UUIDField(allow_null=True, help_text="The run that started it.")
    batch_id = serializers.UUIDField(allow_null=True)
    rerun_of = serializers.UUIDField(allow_null=True, help_text="The run whose recorded steps it reuses.")
    rerun_from = serializers.IntegerField(allow_null=True, help_text="The first step that is run anew.")
    error = ErrorSerializer(allow_null=True)
    usage = UsageSerializer()
    metadata = serializers.DictField()
    cancel_requested_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    links = LinksSerializer()


class AttachmentSerializer(serializers.Serializer[Any]):
    """A stored file, by reference."""

    name = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField()
    digest = serializers.CharField(help_text="SHA-256, hexadecimal.")


@extend_schema_serializer(examples=examples.DETAIL)
class RunDetailSerializer(RunSerializer):
    """One run with its input and output."""

    input = AnyJSONField()
    output = AnyJSONField()
    attachments = AttachmentSerializer(many=True)
    limits = serializers.DictField()
    streaming = serializers.BooleanField()
    context_versions = serializers.DictField(child=serializers.IntegerField())
    payloads_removed_at = serializers.DateTimeField(
        allow_null=True, help_text="When retention took the input, the output and the steps' payloads."
    )


class StepUsageSerializer(serializers.Serializer[Any]):
    """What one step used."""

    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.CharField()


@extend_schema_serializer(examples=examples.STEP)
class StepSerializer(serializers.Serializer[Any]):
    """A recorded step, without payloads."""

    n = serializers.IntegerField()
    kind = serializers.ChoiceField([kind.value for kind in StepKind])
    name = serializers.CharField()
    tool_call_id = serializers.CharField(allow_null=True)
    attempt = serializers.IntegerField()
    reused = serializers.BooleanField(help_text="Taken from the run that this one reruns, and not paid for again.")
    error_code = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    first_token_ms = serializers.IntegerField(allow_null=True)
    usage = StepUsageSerializer()


class StepPairSerializer(serializers.Serializer[Any]):
    """A step of each of two runs, side by side."""

    same = serializers.BooleanField(help_text="Both were asked and said the same.")
    run = StepSerializer(allow_null=True)
    other = StepSerializer(allow_null=True)


@extend_schema_serializer(examples=examples.COMPARISON)
class ComparisonSerializer(serializers.Serializer[Any]):
    """Two runs side by side."""

    run = RunDetailSerializer()
    other = RunDetailSerializer()
    same_output = serializers.BooleanField()
    first_difference = serializers.IntegerField(allow_null=True, help_text="The first of `steps` that differs, from 0.")
    steps = StepPairSerializer(many=True)


@extend_schema_serializer(examples=examples.STEP_DETAIL)
class StepDetailSerializer(StepSerializer):
    """A step with what it was asked and what it answered."""

    request = AnyJSONField()
    result = AnyJSONField()


@extend_schema_serializer(examples=examples.EVENT)
class EventSerializer(serializers.Serializer[Any]):
    """One line of a run's history; further keys depend on the type."""

    seq = serializers.IntegerField()
    type = serializers.ChoiceField([event.value for event in EventType])
    step = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField()


class DeciderSerializer(serializers.Serializer[Any]):
    """Who decided: a person, a key, or the tool's own check."""

    kind = serializers.CharField()
    id = serializers.UUIDField(allow_null=True)


@extend_schema_serializer(examples=examples.EFFECT)
class EffectSerializer(serializers.Serializer[Any]):
    """A line of the effect ledger."""

    id = serializers.UUIDField()
    key = serializers.CharField(help_text="Names the call in its run; a second try has the same.")
    tool = serializers.CharField()
    state = serializers.ChoiceField([state.value for state in EffectState])
    undecided = serializers.BooleanField(help_text="Somebody must say whether it happened.")
    arguments = AnyJSONField()
    result = AnyJSONField(help_text="What the agent was told.")
    late_result = AnyJSONField(help_text="What came after the run had left its worker.")
    step = serializers.IntegerField(allow_null=True, help_text="The recorded step, once there is one.")
    attempt = serializers.IntegerField()
    decided_by = DeciderSerializer(allow_null=True)
    note = serializers.CharField()
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(examples=examples.RESOLVE)
class ResolveSerializer(StrictSerializer):
    """A person's word on a call of which nobody knows how it ended."""

    decision = serializers.ChoiceField(
        [decision.value for decision in EffectDecision],
        help_text="`happened`: `result` is what the agent is told, and the tool is not called. `run`: it did not "
        "happen, and the tool is called again, once. `stop`: the run is cancelled.",
    )
    result = GivenJSONField(required=False, help_text="For `happened`: what the call returned.")
    note = serializers.CharField(required=False, allow_blank=True, max_length=4000, default="")


class ExportedStepSerializer(StepDetailSerializer):
    """A step with everything that is stored of it."""

    key = serializers.CharField()
    manifest = AnyJSONField()


@extend_schema_serializer(examples=examples.EXPORT)
class RunExportSerializer(RunDetailSerializer):
    """Everything the platform holds about a run."""

    steps = ExportedStepSerializer(many=True)
    events = EventSerializer(many=True)
    effects = EffectSerializer(many=True)
