"""REST over the ledger of effects: what a run did to the world, and a person's word on what nobody knows."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.core.problems import MEDIA_TYPE
from apps.core.schema import ProblemSerializer
from apps.runs.api.serializers import EffectSerializer, ResolveSerializer
from apps.runs.effects import effect_json, effects_json, effects_of, get_effect
from apps.runs.models import Effect
from apps.runs.selectors import get_run
from apps.runs.services import EffectDecision, Origin, resolve_effect


class EffectViewSet(WorkspaceViewSet):
    """What a run's tools did to the world."""

    queryset = Effect.objects.all()
    serializer_class = EffectSerializer
    lookup_value_converter = "uuid"
    ordering = "id"
    permissions: ClassVar = {"list": Permission.RUNS_READ, "resolve": Permission.RUNS_WRITE}

    @extend_schema(operation_id="effects_list", responses=EffectSerializer(many=True), filters=False)
    def list(self, request: Request, run_id: UUID) -> Response:
        """The run's calls of tools that are not read only, in the order in which they were intended."""
        get_run(self.principal.workspace_id, run_id)
        return self.get_paginated_response(effects_json(self.paginate_queryset(effects_of(run_id)) or []))

    @extend_schema(
        operation_id="effects_resolve",
        parameters=[OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        request=ResolveSerializer,
        responses={
            200: EffectSerializer,
            (409, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, "Somebody was first, or nothing is to be decided."),
        },
    )
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, run_id: UUID, pk: UUID) -> Response:
        """Decide about a call with an unknown outcome. The run goes on when its last one is decided."""
        body = ResolveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        workspace_id = self.principal.workspace_id
        get_effect(workspace_id, pk, run_id=run_id)
        given = {**body.validated_data, "decision": EffectDecision(body.validated_data["decision"])}
        origin = Origin.of(self.principal, getattr(request, "request_id", ""))
        resolve_effect(workspace_id, pk, **given, origin=origin)
        return Response(effect_json(effects_of(run_id).get(id=pk)))
