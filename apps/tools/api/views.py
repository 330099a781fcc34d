"""Tools over REST: read only, because tools come from code."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.tools.api.serializers import ToolSerializer, ToolSummarySerializer, ToolVersionSerializer
from apps.tools.models import Tool, ToolVersion


@extend_schema_view(
    list=extend_schema(summary="List the tools that agents may bind", responses=ToolSummarySerializer),
    retrieve=extend_schema(summary="Read a tool with its newest version's schemas"),
)
class ToolViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceViewSet):
    """Registered tools, the platform's and the workspace's, by name."""

    permissions = {"list": Permission.TOOLS_READ, "retrieve": Permission.TOOLS_READ, "versions": Permission.TOOLS_READ}
    serializer_class = ToolSerializer
    queryset = Tool.objects.filter(versions__isnull=False).distinct()
    lookup_field = "name"
    lookup_value_regex = "[a-z][a-z0-9_]*"

    def get_queryset(self) -> QuerySet[Any]:
        versions = ToolVersion.objects.all()
        if self.action == "list":
            versions = versions.defer("input_schema", "output_schema", "config_schema", "digest")
        return super().get_queryset().prefetch_related(Prefetch("versions", versions))

    def get_serializer_class(self) -> Any:
        return ToolSummarySerializer if self.action == "list" else ToolSerializer

    @extend_schema(summary="List a tool's versions, the newest first", responses=ToolVersionSerializer(many=True))
    @action(detail=True)
    def versions(self, request: Request, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_object().versions.select_related("tool"))
        return self.get_paginated_response(ToolVersionSerializer(page, many=True).data)
