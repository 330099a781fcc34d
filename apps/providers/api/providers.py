"""Providers over REST."""

from dataclasses import asdict
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.accounts.scoping import get_visible
from apps.core.exceptions import PermissionDenied
from apps.providers import services
from apps.providers.api.serializers import (
    ConnectionReportSerializer,
    CredentialsSerializer,
    NewProviderSerializer,
    ProviderChangesSerializer,
    ProviderSerializer,
    TestRequestSerializer,
)
from apps.providers.kinds import ProviderKind
from apps.providers.models import LanguageModel, Provider


@extend_schema_view(
    list=extend_schema(summary="List model providers"), retrieve=extend_schema(summary="Read a model provider")
)
class ProviderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceViewSet):
    """Model providers. Credentials can be set, tested and dropped, and never read."""

    permissions = {
        "list": Permission.PROVIDERS_READ,
        "retrieve": Permission.PROVIDERS_READ,
        "create": Permission.PROVIDERS_WRITE,
        "partial_update": Permission.PROVIDERS_WRITE,
        "destroy": Permission.PROVIDERS_WRITE,
        "credentials": Permission.PROVIDERS_WRITE,
        "clear_credentials": Permission.PROVIDERS_WRITE,
        "test": Permission.PROVIDERS_WRITE,
    }
    serializer_class = ProviderSerializer
    queryset = Provider.objects.all()
    filterset_fields = ["kind", "enabled", "slug"]

    @extend_schema(summary="Add a provider", request=NewProviderSerializer, responses={201: ProviderSerializer})
    def create(self, request: Request) -> Response:
        body = NewProviderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        self._refuse_local_address(body.validated_data["kind"], body.validated_data)
        provider = services.create_provider(self.principal.workspace_id, **body.validated_data)
        return Response(ProviderSerializer(provider).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Change a provider", request=ProviderChangesSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        provider = self.get_object()
        body = ProviderChangesSerializer(provider, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        self._refuse_local_address(provider.kind, body.validated_data)
        provider = services.update_provider(provider, **body.validated_data)
        return Response(ProviderSerializer(provider).data)

    @extend_schema(summary="Remove a provider that has no models", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        services.delete_provider(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Set a provider's credentials", request=CredentialsSerializer)
    @action(detail=True, methods=["put"])
    def credentials(self, request: Request, **kwargs: Any) -> Response:
        provider = self.get_object()
        body = CredentialsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        provider = services.set_credentials(provider, body.validated_data)
        return Response(ProviderSerializer(provider).data)

    @extend_schema(summary="Drop a provider's credentials", responses={204: None})
    @credentials.mapping.delete
    def clear_credentials(self, request: Request, **kwargs: Any) -> Response:
        services.clear_credentials(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Ask a provider one small question, for ten seconds at most",
        request=TestRequestSerializer,
        responses=ConnectionReportSerializer,
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        provider = self.get_object()
        body = TestRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        model_id = body.validated_data.get("model_id")
        model = get_visible(LanguageModel, self.principal, pk=model_id, provider=provider) if model_id else None
        return Response(ConnectionReportSerializer(asdict(services.test_connection(provider, model))).data)

    def _refuse_local_address(self, kind: str, fields: dict[str, Any]) -> None:
        """What listens on the machine itself is the operator's business, not a workspace's."""
        if kind != ProviderKind.LOCAL or not fields.get("base_url") or settings.CEF_ALLOW_PRIVATE_PROVIDERS:
            return
        if not self.principal.can(Permission.PLATFORM_OPERATE):
            raise PermissionDenied("Only an operator may give a local provider an address; leave `base_url` empty.")
