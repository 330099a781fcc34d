"""REST over what runs wait for: the inbox, decisions, and events from outside."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import Access
from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.core.problems import MEDIA_TYPE
from apps.core.schema import ProblemSerializer
from apps.runs.api import wait_serializers as serializers
from apps.runs.models import Wait
from apps.runs.services import Word, decide_wait, resolve_event
from apps.runs.services.waits_events import awaited_by
from apps.runs.waits import get_wait, wait_detail, wait_json, waits_for

_CONFLICT = OpenApiResponse(
    ProblemSerializer, "The wait has ended, the call is not the one that was shown, or you have decided already."
)


class WaitViewSet(WorkspaceViewSet):
    """What runs wait for, and people's word on it."""

    queryset = Wait.objects.all()
    serializer_class = serializers.WaitSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Permission.RUNS_READ,
        "retrieve": Permission.RUNS_READ,
        "decide": Permission.WAITS_DECIDE,
    }

    @extend_schema(parameters=serializers.PARAMETERS, responses=serializers.WaitSerializer(many=True), filters=False)
    def list(self, request: Request) -> Response:
        """Your inbox: open waits that you may decide, the newest first. `scope=all` shows everybody's."""
        wanted = serializers.read_filter(request.query_params.dict())
        page = self.paginate_queryset(waits_for(self.principal, wanted))
        return self.get_paginated_response([wait_json(wait) for wait in page or []])

    @extend_schema(responses=serializers.WaitDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One wait with the exact arguments of its call, who has decided what, and how it ended."""
        return Response(self._detail(pk))

    @extend_schema(
        request=serializers.DecisionSerializer,
        responses={200: serializers.WaitDetailSerializer, (409, MEDIA_TYPE): _CONFLICT},
    )
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: UUID) -> Response:
        """Approve or reject a call, or answer a question. One answer wins; the run goes on with its turn's last one."""
        body = serializers.DecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        decide_wait(self.principal, pk, Word(**body.validated_data))
        return Response(self._detail(pk))

    def _detail(self, pk: UUID) -> dict[str, Any]:
        may_decide = self.principal.can(Permission.WAITS_DECIDE)
        return wait_detail(get_wait(self.principal.workspace_id, pk), with_token=may_decide)


class EventViewSet(WorkspaceViewSet):
    """The door for what happens outside: the token in the address is the credential, and good for one event."""

    queryset = Wait.objects.none()
    serializer_class = serializers.WaitSerializer
    authentication_classes = ()
    permissions: ClassVar = {"resolve": Access.ANYONE}
    answers_once = False

    @extend_schema(
        operation_id="events_resolve",
        parameters=[OpenApiParameter("token", OpenApiTypes.STR, OpenApiParameter.PATH)],
        request=OpenApiTypes.ANY,
        responses={
            200: serializers.EventReceiptSerializer,
            (409, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, "Something else was reported, or it is too late."),
        },
        examples=serializers.REPORTED,
        auth=[],
    )
    def resolve(self, request: Request, token: str) -> Response:
        """Report the event with any JSON. The same report again changes nothing; another one is refused."""
        awaited_by(token)  # before anything is read of a body that anybody may send
        wait = resolve_event(token, request.data)
        return Response({"wait_id": wait.id, "state": wait.state})
