"""The asker's workspaces, and the switches of the one in use."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services
from apps.accounts.api.permissions import Access
from apps.accounts.api.serializers import WorkspaceSerializer
from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.models import Workspace
from apps.accounts.permissions import Permission
from apps.accounts.scoping import get_visible
from apps.accounts.selectors import membership_of, memberships_of
from apps.core.exceptions import PermissionDenied


class WorkspacesViewSet(mixins.ListModelMixin, WorkspaceViewSet):
    """Workspaces; `current` is the one that the credential or the header names."""

    permissions = {
        "list": Access.SIGNED_IN,
        "current": Access.MEMBER,
        "leave": Access.MEMBER,
        "pause_intake": Permission.WORKSPACE_MANAGE,
        "resume_intake": Permission.WORKSPACE_MANAGE,
    }
    serializer_class = WorkspaceSerializer
    queryset = Workspace.objects.all()

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Workspace.objects.none()
        return Workspace.objects.filter(pk__in=memberships_of(self.account).values("workspace_id"))

    @extend_schema(summary="List the asker's workspaces")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="Show the workspace in use")
    @action(detail=False)
    def current(self, request: Request) -> Response:
        return self._current()

    @extend_schema(summary="Refuse new runs in the workspace; running work goes on", request=None)
    @action(detail=False, methods=["post"], url_path="current/pause-intake")
    def pause_intake(self, request: Request) -> Response:
        services.pause_intake(get_visible(Workspace, self.principal))
        return self._current()

    @extend_schema(summary="Take new runs in the workspace again", request=None)
    @action(detail=False, methods=["post"], url_path="current/resume-intake")
    def resume_intake(self, request: Request) -> Response:
        services.resume_intake(get_visible(Workspace, self.principal))
        return self._current()

    @extend_schema(summary="Leave the workspace", request=None, responses={204: None})
    @action(detail=False, methods=["post"], url_path="current/leave")
    def leave(self, request: Request) -> Response:
        if self.principal.key_id is not None:
            raise PermissionDenied("An API key cannot end its owner's membership.")
        services.remove_member(membership_of(self.principal), by=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _current(self) -> Response:
        return Response(WorkspaceSerializer(get_visible(Workspace, self.principal)).data)
