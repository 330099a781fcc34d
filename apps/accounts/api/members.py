"""The people of a workspace."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services
from apps.accounts.api.serializers import MemberSerializer, NewMemberSerializer, RoleSerializer
from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.models import Membership, Workspace
from apps.accounts.permissions import Permission
from apps.accounts.scoping import get_visible


@extend_schema_view(list=extend_schema(summary="List the workspace's members"))
class MemberViewSet(mixins.ListModelMixin, WorkspaceViewSet):
    """Memberships of people; those of service accounts are under `/service-accounts`."""

    permissions = {
        "list": Permission.MEMBERS_MANAGE,
        "create": Permission.MEMBERS_MANAGE,
        "partial_update": Permission.MEMBERS_MANAGE,
        "destroy": Permission.MEMBERS_MANAGE,
    }
    serializer_class = MemberSerializer
    queryset = Membership.objects.filter(user__isnull=False).select_related("user")

    @extend_schema(
        summary="Add a person to the workspace", request=NewMemberSerializer, responses={201: MemberSerializer}
    )
    def create(self, request: Request) -> Response:
        body = NewMemberSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        workspace = get_visible(Workspace, self.principal)
        membership = services.add_member(workspace, **body.validated_data, by=self.principal)
        return Response(MemberSerializer(membership).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Give a member another role", request=RoleSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        membership = self.get_object()
        body = RoleSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        role = body.validated_data.get("role", membership.role)
        membership = services.change_role(membership, role=role, by=self.principal)
        return Response(MemberSerializer(membership).data)

    @extend_schema(summary="Remove a member and all their API keys of this workspace", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        services.remove_member(self.get_object(), by=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)
