"""Contexts over REST: the tree, search in it, and prompts assembled from it without a model."""

from typing import Any

from django.db.models import F, Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.contexts import services
from apps.contexts.api.reading_serializers import (
    AssemblyRequestSerializer,
    AssemblySerializer,
    SearchQuerySerializer,
    SearchResultSerializer,
)
from apps.contexts.api.tree_serializers import ContextChangesSerializer, ContextSerializer, NewContextSerializer
from apps.contexts.assembly import assemble
from apps.contexts.models import Context
from apps.contexts.models.tree import MAIN
from apps.contexts.paths import in_subtree
from apps.contexts.search import search


class ContextFilter(filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Narrows a list of contexts."""

    path = filters.CharFilter(label="The context at this path.")
    below = filters.CharFilter(method="in_subtree", label="The context at this path and those below it.")
    parent_id = filters.UUIDFilter(label="The children of this context.")
    root = filters.BooleanFilter("parent", lookup_expr="isnull", label="Those at the top of the tree.")

    def in_subtree(self, rows: QuerySet[Context], _: str, path: str) -> QuerySet[Context]:
        return rows.filter(in_subtree(path))


@extend_schema_view(
    list=extend_schema(summary="List contexts by path"),
    retrieve=extend_schema(summary="Read a context"),
)
class ContextViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceViewSet):
    """The tree of contexts."""

    permissions = {
        "list": Permission.CONTEXTS_READ,
        "retrieve": Permission.CONTEXTS_READ,
        "create": Permission.CONTEXTS_WRITE,
        "partial_update": Permission.CONTEXTS_WRITE,
        "destroy": Permission.CONTEXTS_WRITE,
        "search": Permission.CONTEXTS_READ,
        "assemble": Permission.CONTEXTS_READ,
    }
    serializer_class = ContextSerializer
    queryset = Context.objects.all()
    filterset_class = ContextFilter
    ordering = ("path",)

    def get_queryset(self) -> QuerySet[Any]:
        return _with_head(super().get_queryset())

    @extend_schema(summary="Create a context", request=NewContextSerializer, responses={201: ContextSerializer})
    def create(self, request: Request) -> Response:
        body = NewContextSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        context = services.create_context(self.principal.workspace_id, **body.validated_data)
        return _shown(context, status.HTTP_201_CREATED)

    @extend_schema(summary="Move or describe a context", request=ContextChangesSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        context = self.get_object()
        body = ContextChangesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if "path" in body.validated_data:
            context = services.move_context(context, path=body.validated_data["path"])
        if "description" in body.validated_data:
            services.describe_context(context, description=body.validated_data["description"])
        return _shown(context)

    @extend_schema(summary="Delete a context with its history and documents", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        services.delete_context(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Search the documents of a context, of those above it and of those below it",
        parameters=[SearchQuerySerializer],
        responses=SearchResultSerializer,
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def search(self, request: Request, **kwargs: Any) -> Response:
        query = SearchQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        options = query.validated_data
        text = options.pop("q")
        hits = search(self.principal.workspace_id, text, context_ids=[self.get_object().id], **options)
        return Response(SearchResultSerializer({"data": hits}).data)

    @extend_schema(
        summary="Assemble a prompt and its manifest, without a model",
        request=AssemblyRequestSerializer,
        responses={200: AssemblySerializer},
    )
    @action(detail=False, methods=["post"], pagination_class=None)
    def assemble(self, request: Request) -> Response:
        body = AssemblyRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(AssemblySerializer(assemble(body.to_request(self.principal.workspace_id))).data)


def _with_head(rows: QuerySet[Context]) -> QuerySet[Context]:
    return rows.filter(Q(branches__name=MAIN)).annotate(head=F("branches__head"))


def _shown(context: Context, code: int = status.HTTP_200_OK) -> Response:
    """The context as a reader sees it after the write."""
    row = _with_head(Context.objects.filter(pk=context.pk)).get()
    return Response(ContextSerializer(row).data, status=code)
