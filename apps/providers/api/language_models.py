"""Language models and embedding models over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.accounts.scoping import get_visible
from apps.providers import services
from apps.providers.api.serializers import (
    EmbeddingModelSerializer,
    LanguageModelChangesSerializer,
    LanguageModelSerializer,
    LanguageModelSummarySerializer,
    NewEmbeddingModelSerializer,
    NewLanguageModelSerializer,
)
from apps.providers.models import EmbeddingModel, LanguageModel, Provider


@extend_schema_view(
    list=extend_schema(summary="List language models, without their scripts", responses=LanguageModelSummarySerializer),
    retrieve=extend_schema(summary="Read a language model"),
)
class LanguageModelViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceViewSet):
    """Language models of the workspace's providers."""

    permissions = {
        "list": Permission.PROVIDERS_READ,
        "retrieve": Permission.PROVIDERS_READ,
        "create": Permission.PROVIDERS_WRITE,
        "partial_update": Permission.PROVIDERS_WRITE,
        "destroy": Permission.PROVIDERS_WRITE,
    }
    serializer_class = LanguageModelSerializer
    queryset = LanguageModel.objects.select_related("provider")
    filterset_fields = ["provider", "is_active", "name"]

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer("script") if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        return LanguageModelSummarySerializer if self.action == "list" else LanguageModelSerializer

    @extend_schema(
        summary="Add a language model", request=NewLanguageModelSerializer, responses={201: LanguageModelSerializer}
    )
    def create(self, request: Request) -> Response:
        body = NewLanguageModelSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        provider = get_visible(Provider, self.principal, pk=body.validated_data.pop("provider_id"))
        model = services.create_model(provider, **self._fields(body.validated_data))
        return Response(LanguageModelSerializer(model).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Change a language model", request=LanguageModelChangesSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        model = self.get_object()
        body = LanguageModelChangesSerializer(model, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        model = services.update_model(model, **self._fields(body.validated_data))
        return Response(LanguageModelSerializer(model).data)

    @extend_schema(summary="Remove a language model that nothing uses", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        services.delete_model(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _fields(self, data: dict[str, Any]) -> dict[str, Any]:
        """The fields with the fallback's row for its id. Raises NotFound."""
        if "fallback_id" not in data:
            return data
        fallback_id = data.pop("fallback_id")
        return {**data, "fallback": get_visible(LanguageModel, self.principal, pk=fallback_id) if fallback_id else None}


@extend_schema_view(list=extend_schema(summary="List embedding models, the workspace's and the platform's"))
class EmbeddingModelViewSet(mixins.ListModelMixin, WorkspaceViewSet):
    """Embedding models."""

    permissions = {"list": Permission.PROVIDERS_READ, "create": Permission.PROVIDERS_WRITE}
    serializer_class = EmbeddingModelSerializer
    queryset = EmbeddingModel.objects.all()

    @extend_schema(
        summary="Add an embedding model of a provider",
        request=NewEmbeddingModelSerializer,
        responses={201: EmbeddingModelSerializer},
    )
    def create(self, request: Request) -> Response:
        body = NewEmbeddingModelSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        provider = get_visible(Provider, self.principal, pk=body.validated_data.pop("provider_id"))
        model = services.create_embedding_model(provider, **body.validated_data)
        return Response(EmbeddingModelSerializer(model).data, status=status.HTTP_201_CREATED)
