"""The wire form of batches and of cancelling many runs."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.core.serializers import StrictSerializer
from apps.runs.api import batch_examples
from apps.runs.api.filters import RunMatchSerializer
from apps.runs.api.serializers import AnyJSONField, LimitsSerializer, RunCreateSerializer, UsageSerializer
from apps.runs.selectors import RunFilter
from apps.runs.services.batch import MAX_RUNS
from apps.runs.services.bulk_cancel import MAXIMUM
from apps.runs.states import RunStatus

_AT_MOST: Final[dict[str, Any]] = {"max_length": MAX_RUNS}


class BatchInputSerializer(StrictSerializer):
    """One run of a batch of one agent."""

    input = AnyJSONField(help_text="Text or any JSON value.")
    metadata = serializers.DictField(required=False)


class BatchRunSerializer(RunCreateSerializer):
    """One run of a batch, as `POST /runs` takes it; it always runs in the background."""

    mode = None  # type: ignore[assignment]  # DRF's way to leave a field out


@extend_schema_serializer(examples=batch_examples.CREATE)
class BatchCreateSerializer(StrictSerializer):
    """Either `agent` with `inputs`, or `runs`."""

    agent = serializers.CharField(max_length=120, required=False, help_text="A slug, `slug@3` or `slug@label`.")
    inputs = BatchInputSerializer(many=True, required=False, **_AT_MOST)
    limits = LimitsSerializer(required=False, help_text="For every one of `inputs`.")
    runs = BatchRunSerializer(many=True, required=False, **_AT_MOST)
    metadata = serializers.DictField(required=False, help_text="Of the batch itself.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        one_agent = {"agent", "inputs", "limits"} & attrs.keys()
        if "runs" in attrs and one_agent:
            raise serializers.ValidationError({min(one_agent): "Not together with runs."}, code="ambiguous")
        missing = {"agent", "inputs"} - attrs.keys() if one_agent else {"runs"} - attrs.keys()
        if missing:
            raise serializers.ValidationError(
                dict.fromkeys(sorted(missing), "Give an agent with inputs, or runs."), code="required"
            )
        return attrs


class CountsSerializer(serializers.Serializer[Any]):
    """Runs by state."""

    def get_fields(self) -> dict[str, Any]:
        return {name: serializers.IntegerField() for name in (*(status.value for status in RunStatus), "erased")}


class BatchLinksSerializer(serializers.Serializer[Any]):
    """Absolute addresses."""

    self = serializers.URLField()
    runs = serializers.URLField()
    admin = serializers.URLField()


@extend_schema_serializer(examples=batch_examples.LISTED)
class BatchSerializer(serializers.Serializer[Any]):
    """A batch and how far it is."""

    id = serializers.UUIDField()
    total = serializers.IntegerField()
    ended = serializers.IntegerField(help_text="Runs that succeeded, failed or were cancelled.")
    counts = CountsSerializer()
    usage = UsageSerializer()
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True, help_text="When its first run began.")
    finished_at = serializers.DateTimeField(allow_null=True, help_text="When its last run had ended.")
    eta = serializers.DateTimeField(
        allow_null=True, help_text="When it will have ended at the speed so far; null while that cannot be told."
    )
    links = BatchLinksSerializer()


@extend_schema_serializer(examples=batch_examples.CREATED)
class BatchCreatedSerializer(BatchSerializer):
    """An accepted batch."""

    run_ids = serializers.ListField(child=serializers.UUIDField(), help_text="In the order of the request.")


@extend_schema_serializer(examples=batch_examples.CANCEL)
class CancelManySerializer(StrictSerializer):
    """Which unfinished runs to cancel."""

    filter = RunMatchSerializer(help_text="As the list's parameters, at least one of them.")
    dry_run = serializers.BooleanField(default=False, help_text="Only count what matches.")
    maximum = serializers.IntegerField(
        default=1000, min_value=1, max_value=MAXIMUM, help_text="Of what matches, cancel the oldest so many."
    )

    def validate_filter(self, value: RunFilter) -> RunFilter:
        if value == RunFilter():
            raise serializers.ValidationError("Name at least one thing to cancel by.", code="empty")
        return value


@extend_schema_serializer(examples=batch_examples.CANCELLED)
class CancelledSerializer(serializers.Serializer[Any]):
    """What became of the runs that matched."""

    matched = serializers.IntegerField()
    cancelled = serializers.IntegerField(help_text="Ended at once: they were queued or waiting.")
    requested = serializers.IntegerField(help_text="Are being stopped by their workers.")
    remaining = serializers.IntegerField(help_text="Beyond `maximum`: for another call.")
