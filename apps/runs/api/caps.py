"""REST over caps: how many runs may be running at once."""

from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.core.serializers import StrictSerializer
from apps.runs.caps import cap_json, caps_with_taken, named_subject
from apps.runs.models import Cap
from apps.runs.models.cap import CapKind
from apps.runs.services.caps import MOST, remove_own_cap, set_own_cap

_CAP: Final = {
    "id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a13",
    "kind": "agent",
    "subject": "docs",
    "slots": 5,
    "running": 3,
    "created_at": "2026-11-23T09:30:00Z",
}


@extend_schema_serializer(
    examples=[
        OpenApiExample("Of an agent", value={"kind": "agent", "subject": "docs", "slots": 5}, request_only=True),
        OpenApiExample("Of the workspace", value={"kind": "workspace", "slots": 50}, request_only=True),
    ]
)
class CapWriteSerializer(StrictSerializer):
    """Whose running runs are counted, and how many there may be."""

    kind = serializers.ChoiceField(CapKind.choices)
    subject = serializers.CharField(
        max_length=120, required=False, help_text="The agent's slug or the key's public id; none for the workspace."
    )
    slots = serializers.IntegerField(min_value=0, max_value=MOST, help_text="0 lets none start.")


@extend_schema_serializer(examples=[OpenApiExample("Of an agent", value=_CAP, response_only=True)])
class CapSerializer(serializers.Serializer[Any]):
    """A ceiling on running runs, and how many are running under it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(CapKind.choices)
    subject = serializers.CharField(help_text="A slug, or the public id of a key.")
    slots = serializers.IntegerField()
    running = serializers.IntegerField(help_text="May be above `slots` for a while after the cap was lowered.")
    created_at = serializers.DateTimeField()


class CapViewSet(WorkspaceViewSet):
    """Caps of the workspace, its agents and its keys."""

    queryset = Cap.objects.all()
    serializer_class = CapSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Permission.RUNS_READ,
        "create": Permission.WORKSPACE_MANAGE,
        "destroy": Permission.WORKSPACE_MANAGE,
    }

    @extend_schema(responses=CapSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All caps, the newest first."""
        page = self.paginate_queryset(caps_with_taken(self.get_queryset()))
        return self.get_paginated_response([cap_json(cap) for cap in page or []])

    @extend_schema(request=CapWriteSerializer, responses=CapSerializer)
    def create(self, request: Request) -> Response:
        """Set a cap: make it, or change the one that its subject has. Runs that are running already count."""
        body = CapWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        subject = named_subject(self.principal.workspace_id, CapKind(wanted["kind"]), wanted.get("subject"))
        cap = set_own_cap(subject, slots=wanted["slots"])
        return Response(cap_json(caps_with_taken(Cap.objects.filter(id=cap.id)).get()))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Take a cap away. The workspace's own falls back to the platform's, if there is one."""
        remove_own_cap(self.principal.workspace_id, pk)
        return Response(status=204)
