"""The programs of a workspace."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services
from apps.accounts.api.serializers import NewServiceAccountSerializer, RoleSerializer, ServiceAccountSerializer
from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.models import Membership, Workspace
from apps.accounts.permissions import Permission
from apps.accounts.scoping import get_visible


@extend_schema_view(list=extend_schema(summary="List the workspace's service accounts"))
class ServiceAccountViewSet(mixins.ListModelMixin, WorkspaceViewSet):
    """Service accounts, each with its one membership."""

    permissions = {
        "list": Permission.MEMBERS_MANAGE,
        "create": Permission.MEMBERS_MANAGE,
        "partial_update": Permission.MEMBERS_MANAGE,
        "destroy": Permission.MEMBERS_MANAGE,
    }
    serializer_class = ServiceAccountSerializer
    queryset = Membership.objects.filter(service_account__isnull=False).select_related("service_account")
    lookup_field = "service_account_id"
    lookup_url_kwarg = "id"

    @extend_schema(
        summary="Create a service account",
        request=NewServiceAccountSerializer,
        responses={201: ServiceAccountSerializer},
    )
    def create(self, request: Request) -> Response:
        body = NewServiceAccountSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        workspace = get_visible(Workspace, self.principal)
        account = services.create_service_account(workspace, **body.validated_data, by=self.principal)
        return Response(ServiceAccountSerializer(account.membership).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Give a service account another role", request=RoleSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        membership = self.get_object()
        body = RoleSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        role = body.validated_data.get("role", membership.role)
        membership = services.change_role(membership, role=role, by=self.principal)
        return Response(ServiceAccountSerializer(membership).data)

    @extend_schema(summary="Remove a service account and its API keys", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        services.remove_member(self.get_object(), by=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)
