"""What a context holds over REST: entries, commits, versions and labels."""

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.accounts.scoping import get_visible
from apps.contexts import services
from apps.contexts.api.tree_serializers import (
    MAX_VERSION,
    CommitSerializer,
    EntryContentSerializer,
    EntrySerializer,
    LabelSerializer,
    LabelTargetSerializer,
    VersionSerializer,
    change,
)
from apps.contexts.changes import Author
from apps.contexts.exceptions import EntryNotFound
from apps.contexts.models import Context, Entry, Label, Version
from apps.contexts.selectors import effective_rows, entry_content, pins_of, version_of

_CONTEXT = OpenApiParameter("context_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
_VERSION = OpenApiParameter(
    "version", OpenApiTypes.INT64, description="Read at this version, with what it inherited then; without: the newest."
)
_OWN = OpenApiParameter("own", OpenApiTypes.BOOL, description="Only the context's own entries, no inherited ones.")


class EntryQuerySerializer(serializers.Serializer[Any]):
    """At which version to read, and whether without what is inherited."""

    version = serializers.IntegerField(min_value=1, max_value=MAX_VERSION, default=None)
    own = serializers.BooleanField(default=False)


class InContextViewSet(WorkspaceViewSet):
    """A view set below `/contexts/{context_id}/`."""

    @cached_property
    def context(self) -> Context:
        """The context of the address. Raises NotFound (`context_not_found`)."""
        return get_visible(Context, self.principal, pk=self.kwargs["context_id"])


@extend_schema(parameters=[_CONTEXT])
class EntryViewSet(InContextViewSet):
    """Entries as a reader of the context sees them, inherited ones included."""

    permissions = {"list": Permission.CONTEXTS_READ, "retrieve": Permission.CONTEXTS_READ}
    serializer_class = EntrySerializer
    queryset = Entry.objects.all()
    lookup_field = "key"
    lookup_value_regex = ".+"
    ordering = ("key",)

    @extend_schema(summary="List entries by key, without content", parameters=[_VERSION, _OWN])
    def list(self, request: Request, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self._rows(request))
        return self.get_paginated_response(EntrySerializer(page, many=True).data)

    @extend_schema(
        summary="Read an entry with its content", parameters=[_VERSION, _OWN], responses=EntryContentSerializer
    )
    def retrieve(self, request: Request, key: str, **kwargs: Any) -> Response:
        entry = self._rows(request).filter(key=key).first()
        if entry is None:
            raise EntryNotFound(f"There is no entry {key!r} here.", key=key)
        entry.content = entry_content(entry)  # type: ignore[attr-defined]  # for the serializer
        return Response(EntryContentSerializer(entry).data)

    def _rows(self, request: Request) -> QuerySet[Entry]:
        query = EntryQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        pins = pins_of(self.context, query.validated_data["version"])
        return effective_rows(pins[:1] if query.validated_data["own"] else pins)


class CommitViewSet(InContextViewSet):
    """Writes of entries: many changes, one version."""

    permissions = {"create": Permission.CONTEXTS_WRITE}
    queryset = Version.objects.all()
    serializer_class = CommitSerializer

    @extend_schema(
        summary="Commit changes as one version",
        parameters=[_CONTEXT],
        request=CommitSerializer,
        responses={201: VersionSerializer},
    )
    def create(self, request: Request, **kwargs: Any) -> Response:
        body = CommitSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = body.validated_data
        version = services.commit_entries(
            self.context,
            [change(value) for value in fields["changes"]],
            by=Author(f"{self.principal.kind}:{self.principal.id}"),
            message=fields["message"],
            expected_version=fields["expected_version"],
        )
        return Response(VersionSerializer(version).data, status=status.HTTP_201_CREATED)


@extend_schema(parameters=[_CONTEXT])
class VersionViewSet(InContextViewSet):
    """A context's history."""

    permissions = {"list": Permission.CONTEXTS_READ, "retrieve": Permission.CONTEXTS_READ}
    serializer_class = VersionSerializer
    queryset = Version.objects.select_related("branch").prefetch_related("labels")
    lookup_field = "number"
    lookup_value_regex = "[0-9]{1,15}"
    ordering = ("-number",)

    @extend_schema(summary="List versions, the newest first")
    def list(self, request: Request, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset().filter(context=self.context))
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @extend_schema(summary="Read what a version says about itself")
    def retrieve(self, request: Request, number: str, **kwargs: Any) -> Response:
        return Response(VersionSerializer(version_of(self.context, int(number))).data)


@extend_schema_view(list=extend_schema(summary="List labels by name"))
@extend_schema(parameters=[_CONTEXT])
class LabelViewSet(mixins.ListModelMixin, InContextViewSet):
    """Movable names for versions."""

    permissions = {
        "list": Permission.CONTEXTS_READ,
        "update": Permission.CONTEXTS_WRITE,
        "destroy": Permission.CONTEXTS_WRITE,
    }
    serializer_class = LabelSerializer
    queryset = Label.objects.select_related("version")
    lookup_field = "name"
    ordering = ("name",)

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(context=self.context)

    @extend_schema(
        summary="Let a label point at a version", request=LabelTargetSerializer, responses={200: LabelSerializer}
    )
    def update(self, request: Request, name: str, **kwargs: Any) -> Response:
        body = LabelTargetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        label = services.set_label(self.context, name, force=self._may_force(), **body.validated_data)
        return Response(LabelSerializer(label).data)

    @extend_schema(summary="Take a label away; its version stays", responses={204: None})
    def destroy(self, request: Request, name: str, **kwargs: Any) -> Response:
        services.delete_label(self.context, name, force=self._may_force())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _may_force(self) -> bool:
        return self.principal.can(Permission.WORKSPACE_MANAGE)
