"""REST over schedules: runs that start by the clock."""

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.core.serializers import StrictSerializer
from apps.runs import selectors
from apps.runs.api.serializers import AnyJSONField, LimitsSerializer, RunDetailSerializer
from apps.runs.cron import next_fires
from apps.runs.models import Schedule
from apps.runs.models.schedule import Overlap
from apps.runs.schedules import (
    database_now,
    get_schedule,
    schedule_detail,
    schedule_json,
    schedules_with_last_run,
)
from apps.runs.services.request import Origin
from apps.runs.services.schedules import (
    ScheduleRequest,
    create_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    update_schedule,
)
from apps.runs.services.schedules_firing import fire_schedule

MOST_TIMES: Final = 100
_ASKED: Final[dict[str, Any]] = {
    "name": "morning report",
    "agent": "docs@production",
    "input": "What changed since yesterday?",
    "cron": "30 9 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "overlap": "skip",
}
_TIMES: Final = {"times": ["2026-11-24T09:30:00+01:00", "2026-11-25T09:30:00+01:00"]}
_LISTED: Final[dict[str, Any]] = {name: value for name, value in _ASKED.items() if name != "input"} | {
    "id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a14",
    "limits": {},
    "metadata": {},
    "enabled": True,
    "next_fire_at": "2026-11-24T08:30:00Z",
    "last_fire_at": "2026-11-23T08:30:02.104Z",
    "last_run_id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10",
    "last_error": None,
    "created_at": "2026-11-01T10:00:00Z",
}


@extend_schema_serializer(examples=[OpenApiExample("Each working day", value=_ASKED, request_only=True)])
class ScheduleWriteSerializer(StrictSerializer):
    """What to run, and when."""

    name = serializers.CharField(max_length=100)
    agent = serializers.CharField(
        max_length=120, help_text="A slug, `slug@3` or `slug@label`, resolved each time it fires."
    )
    input = AnyJSONField(help_text="Text or any JSON value.")
    cron = serializers.CharField(max_length=200, help_text="Minute, hour, day of month, month, day of week.")
    timezone = serializers.CharField(max_length=64, default="UTC", help_text="Such as `Europe/Berlin`.")
    overlap = serializers.ChoiceField(
        Overlap.choices,
        default=Overlap.SKIP,
        help_text="When the run of an earlier time has not finished: `skip` lets the time pass, `enqueue` starts the "
        "new run as well, `cancel` cancels the earlier one.",
    )
    limits = LimitsSerializer(required=False)
    metadata = serializers.DictField(required=False, help_text="Of each of its runs.")
    enabled = serializers.BooleanField(default=True)

    def validate_overlap(self, value: str) -> Overlap:
        return Overlap(value)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Two of them", value={"cron": "30 9 * * *", "timezone": "Europe/Berlin", "count": 2}, request_only=True
        )
    ]
)
class PreviewSerializer(StrictSerializer):
    """Times to look at before anything is made of them."""

    cron = serializers.CharField(max_length=200)
    timezone = serializers.CharField(max_length=64, default="UTC")
    count = serializers.IntegerField(min_value=1, max_value=MOST_TIMES, default=10)


class CountSerializer(StrictSerializer):
    """How many times to show."""

    count = serializers.IntegerField(min_value=1, max_value=MOST_TIMES, default=10)


@extend_schema_serializer(examples=[OpenApiExample("Two of them", value=_TIMES, response_only=True)])
class TimesSerializer(serializers.Serializer[Any]):
    """The next times, in the schedule's time zone."""

    times = serializers.ListField(child=serializers.DateTimeField())


@extend_schema_serializer(examples=[OpenApiExample("Each working day", value=_LISTED, response_only=True)])
class ScheduleSerializer(serializers.Serializer[Any]):
    """A schedule as lists show it, without its input."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    agent = serializers.CharField()
    cron = serializers.CharField()
    timezone = serializers.CharField()
    overlap = serializers.ChoiceField(Overlap.choices)
    limits = serializers.DictField()
    metadata = serializers.DictField()
    enabled = serializers.BooleanField()
    next_fire_at = serializers.DateTimeField(allow_null=True, help_text="Null while it is paused.")
    last_fire_at = serializers.DateTimeField(allow_null=True)
    last_run_id = serializers.UUIDField(allow_null=True)
    last_error = serializers.CharField(
        allow_null=True, help_text="Why its last time brought no run: it goes on all the same."
    )
    created_at = serializers.DateTimeField()


@extend_schema_serializer(
    examples=[
        OpenApiExample("Each working day", value=_LISTED | {"input": _ASKED["input"]}, response_only=True),
    ]
)
class ScheduleDetailSerializer(ScheduleSerializer):
    """A schedule with its input."""

    input = AnyJSONField()


class ScheduleViewSet(WorkspaceViewSet):
    """Runs that start by the clock: cron expressions in a time zone."""

    queryset = Schedule.objects.all()
    serializer_class = ScheduleSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Permission.RUNS_READ,
        "retrieve": Permission.RUNS_READ,
        "times": Permission.RUNS_READ,
        "preview": Permission.RUNS_READ,
        "create": Permission.RUNS_WRITE,
        "partial_update": Permission.RUNS_WRITE,
        "destroy": Permission.RUNS_WRITE,
        "pause": Permission.RUNS_WRITE,
        "resume": Permission.RUNS_WRITE,
        "fire": Permission.RUNS_WRITE,
    }

    @extend_schema(responses=ScheduleSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The workspace's schedules, the newest first."""
        page = self.paginate_queryset(schedules_with_last_run(self.get_queryset().defer("input")))
        return self.get_paginated_response([schedule_json(schedule) for schedule in page or []])

    @extend_schema(responses=ScheduleDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One schedule with its input."""
        return self._shown(pk)

    @extend_schema(request=ScheduleWriteSerializer, responses={201: ScheduleDetailSerializer})
    def create(self, request: Request) -> Response:
        """Make a schedule. Its runs count as asked for by who makes it."""
        wanted = _validated(ScheduleWriteSerializer(data=request.data))
        schedule = create_schedule(self.principal.workspace_id, ScheduleRequest(**wanted), origin=self._origin())
        return self._shown(schedule.id, status=201)

    @extend_schema(request=ScheduleWriteSerializer(partial=True), responses=ScheduleDetailSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change some of it. Who changes what it runs asks for its runs; new times count from now on."""
        changes = _validated(ScheduleWriteSerializer(data=request.data, partial=True))
        update_schedule(self.principal.workspace_id, pk, origin=self._origin(), **changes)
        return self._shown(pk)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Remove it; its runs stay."""
        delete_schedule(self.principal.workspace_id, pk)
        return Response(status=204)

    @extend_schema(request=None, responses=ScheduleDetailSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: UUID) -> Response:
        """Let it rest. What it misses is not made good."""
        pause_schedule(self.principal.workspace_id, pk)
        return self._shown(pk)

    @extend_schema(request=None, responses=ScheduleDetailSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: UUID) -> Response:
        """Let it fire again, from its next time on."""
        resume_schedule(self.principal.workspace_id, pk)
        return self._shown(pk)

    @extend_schema(request=None, responses={202: RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def fire(self, request: Request, pk: UUID) -> Response:
        """Start a run now, as asked for by the caller, whatever the schedule says of times and overlaps."""
        run = fire_schedule(self.principal.workspace_id, pk, origin=self._origin())
        detail = selectors.run_detail(self.principal.workspace_id, run.id)
        return Response(detail, status=202, headers={"Location": detail["links"]["self"]})

    @extend_schema(
        parameters=[OpenApiParameter("count", int, description="How many, at most 100.")], responses=TimesSerializer
    )
    @action(detail=True, methods=["get"], url_path="next", url_name="next")
    def times(self, request: Request, pk: UUID) -> Response:
        """Its next times, also while it is paused."""
        wanted = _validated(CountSerializer(data=request.query_params.dict()))
        schedule = get_schedule(self.principal.workspace_id, pk)
        return Response(_times(schedule.cron, schedule.timezone, wanted["count"]))

    @extend_schema(request=PreviewSerializer, responses=TimesSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """The next times of a cron expression, before a schedule is made of it."""
        wanted = _validated(PreviewSerializer(data=request.data))
        return Response(_times(wanted["cron"], wanted["timezone"], wanted["count"]))

    def _origin(self) -> Origin:
        return Origin.of(self.principal, getattr(self.request, "request_id", ""))

    def _shown(self, schedule_id: UUID, status: int = 200) -> Response:
        return Response(schedule_detail(self.principal.workspace_id, schedule_id), status=status)


def _times(cron: str, timezone: str, count: int) -> dict[str, list[datetime]]:
    return {"times": next_fires(cron, timezone, database_now(), count)}


def _validated(serializer: StrictSerializer) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    validated: dict[str, Any] = serializer.validated_data
    return validated
