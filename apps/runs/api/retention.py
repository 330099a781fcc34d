"""REST over how long the workspace keeps its finished runs."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.core.serializers import StrictSerializer
from apps.runs.models import Retention
from apps.runs.retention import retention_json, retention_preview
from apps.runs.services.retention import MAX_DAYS, remove_retention, set_retention


@extend_schema_serializer(
    examples=[
        OpenApiExample("Payloads for a month", value={"run_days": 365, "payload_days": 30}, request_only=True),
    ]
)
class RetentionWriteSerializer(StrictSerializer):
    """Days from a run's end; null is for good, and one of them must be set."""

    run_days = serializers.IntegerField(
        min_value=1,
        max_value=MAX_DAYS,
        required=False,
        allow_null=True,
        help_text="Finished runs with all their rows.",
    )
    payload_days = serializers.IntegerField(
        min_value=1,
        max_value=MAX_DAYS,
        required=False,
        allow_null=True,
        help_text="Inputs, outputs, conversations and what steps were asked and answered; the rows stay.",
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Payloads for a month",
            value={"run_days": 365, "payload_days": 30, "swept_at": "2026-11-23T09:30:00Z"},
            response_only=True,
        )
    ]
)
class RetentionSerializer(serializers.Serializer[Any]):
    """How long finished runs and their payloads are kept; null is for good."""

    run_days = serializers.IntegerField(allow_null=True)
    payload_days = serializers.IntegerField(allow_null=True)
    swept_at = serializers.DateTimeField(allow_null=True, help_text="When everything too old had last been taken.")


class DaysSerializer(StrictSerializer):
    """Days to try; those that are not named are the workspace's own."""

    run_days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, required=False)
    payload_days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, required=False)


@extend_schema_serializer(
    examples=[OpenApiExample("A first sweep", value={"runs": 1204, "payloads": 18_377}, response_only=True)]
)
class PreviewSerializer(serializers.Serializer[Any]):
    """What would go now."""

    runs = serializers.IntegerField()
    payloads = serializers.IntegerField(help_text="Runs that would lose their payloads, also those that go as a whole.")


class RetentionViewSet(WorkspaceViewSet):
    """The workspace's retention: there is one."""

    queryset = Retention.objects.all()
    serializer_class = RetentionSerializer
    pagination_class = None
    permissions: ClassVar = {
        "retrieve": Permission.RUNS_READ,
        "preview": Permission.WORKSPACE_MANAGE,
        "update": Permission.WORKSPACE_MANAGE,
        "destroy": Permission.WORKSPACE_MANAGE,
    }

    @extend_schema(operation_id="retention_retrieve", responses=RetentionSerializer)
    def retrieve(self, request: Request) -> Response:
        """How long runs are kept; also when that is for good."""
        return Response(retention_json(self.principal.workspace_id))

    @extend_schema(operation_id="retention_preview", parameters=[DaysSerializer], responses=PreviewSerializer)
    def preview(self, request: Request) -> Response:
        """Count what would go now, under the workspace's days or others. Nothing is removed."""
        wanted = DaysSerializer(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        kept = retention_json(self.principal.workspace_id)
        days = {name: kept[name] for name in ("run_days", "payload_days")} | wanted.validated_data
        return Response(retention_preview(self.principal.workspace_id, **days))

    @extend_schema(operation_id="retention_update", request=RetentionWriteSerializer, responses=RetentionSerializer)
    def update(self, request: Request) -> Response:
        """Keep finished runs, or their payloads, for so many days. What is older goes in the next minutes, for good."""
        body = RetentionWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        set_retention(self.principal.workspace_id, **body.validated_data)
        return Response(retention_json(self.principal.workspace_id))

    @extend_schema(operation_id="retention_delete", responses={204: None})
    def destroy(self, request: Request) -> Response:
        """Keep everything for good from now on."""
        remove_retention(self.principal.workspace_id)
        return Response(status=204)
