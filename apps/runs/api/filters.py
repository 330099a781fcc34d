"""The filters of a list of runs, read strictly from the query string."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from apps.core.exceptions import MalformedRequest
from apps.core.parsers import read_json
from apps.core.serializers import StrictSerializer
from apps.runs.selectors import RunFilter
from apps.runs.states import RunStatus

PAGING = {"limit", "cursor"}


class RunFilterSerializer(StrictSerializer):
    """Narrows a list of runs; `metadata` is a JSON object that the run's must contain."""

    status = serializers.CharField(required=False, help_text="One state or several, comma separated.")
    agent = serializers.SlugField(required=False)
    thread_id = serializers.UUIDField(required=False)
    batch_id = serializers.UUIDField(required=False)
    schedule_id = serializers.UUIDField(required=False)
    created_after = serializers.DateTimeField(required=False)
    created_before = serializers.DateTimeField(required=False)
    metadata = serializers.CharField(required=False, help_text='Such as `{"ticket": "4711"}`.')

    def validate_status(self, value: str) -> tuple[str, ...]:
        statuses = tuple(item.strip() for item in value.split(","))
        unknown = sorted(set(statuses) - {status.value for status in RunStatus})
        if unknown:
            raise serializers.ValidationError(f"There is no state {unknown[0]!r}.", code="unknown_status")
        return statuses

    def validate_metadata(self, value: str) -> dict[str, Any]:
        try:
            wanted = read_json(value.encode())
        except MalformedRequest as error:
            raise serializers.ValidationError(error.message, code=error.code) from error
        if not isinstance(wanted, dict):
            raise serializers.ValidationError("This is no JSON object.", code="not_an_object")
        return wanted


class RunMatchSerializer(RunFilterSerializer):
    """The same in a body, where `metadata` is an object."""

    metadata = serializers.DictField(required=False)  # type: ignore[assignment]  # DRF takes fields off the class

    def validate_metadata(self, value: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        return value

    def to_internal_value(self, data: Any) -> RunFilter:
        return _filter_of(super().to_internal_value(data))


def read_filter(query: dict[str, Any]) -> RunFilter:
    """The filter of a query string. Raises ValidationError, also for parameters that do not exist."""
    serializer = RunFilterSerializer(data={name: value for name, value in query.items() if name not in PAGING})
    serializer.is_valid(raise_exception=True)
    return _filter_of(serializer.validated_data)


def _filter_of(found: dict[str, Any]) -> RunFilter:
    # An empty object is contained in every run's: it names nothing.
    return RunFilter(statuses=found.pop("status", ()), metadata=found.pop("metadata", None) or None, **found)


PARAMETERS = [
    OpenApiParameter("status", str, description="One state or several, comma separated."),
    OpenApiParameter("agent", str, description="The agent's slug."),
    OpenApiParameter("thread_id", {"type": "string", "format": "uuid"}),
    OpenApiParameter("batch_id", {"type": "string", "format": "uuid"}),
    OpenApiParameter("schedule_id", {"type": "string", "format": "uuid"}, description="Those that it started."),
    OpenApiParameter("created_after", {"type": "string", "format": "date-time"}),
    OpenApiParameter("created_before", {"type": "string", "format": "date-time"}),
    OpenApiParameter("metadata", str, description="A JSON object that the run's metadata contains."),
]
