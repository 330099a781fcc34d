"""API keys: the asker's own, and for who manages members those of everybody."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services
from apps.accounts.api.serializers import ApiKeySerializer, IssuedKeySerializer, NewApiKeySerializer
from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.models import ApiKey
from apps.accounts.permissions import Permission
from apps.accounts.selectors import keys_managed_by, membership_of, service_account_membership


@extend_schema_view(list=extend_schema(summary="List API keys, without their secrets"))
class ApiKeyViewSet(mixins.ListModelMixin, WorkspaceViewSet):
    """API keys; only a browser session may manage them."""

    permissions = {
        "list": Permission.KEYS_MANAGE,
        "create": Permission.KEYS_MANAGE,
        "revoke": Permission.KEYS_MANAGE,
    }
    serializer_class = ApiKeySerializer
    queryset = ApiKey.objects.select_related("membership")
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return ApiKey.objects.none()
        return keys_managed_by(self.principal)

    @extend_schema(
        summary="Create an API key; its text is in this answer and nowhere else",
        request=NewApiKeySerializer,
        responses={201: IssuedKeySerializer},
    )
    def create(self, request: Request) -> Response:
        body = NewApiKeySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        account_id = body.validated_data.pop("service_account_id")
        principal = self.principal
        owner = service_account_membership(principal, account_id) if account_id else membership_of(principal)
        issued = services.create_api_key(owner, **body.validated_data, by=principal)
        answer = {**ApiKeySerializer(issued.key).data, "key": issued.text}
        return Response(answer, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Revoke an API key", request=None)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, **kwargs: Any) -> Response:
        key = services.revoke_api_key(self.get_object(), by=self.principal)
        return Response(ApiKeySerializer(key).data)
