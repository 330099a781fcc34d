"""Agents over REST, by slug or id."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.agents import services
from apps.agents.api import examples
from apps.agents.api.serializers import (
    AgentChangesSerializer,
    AgentLabelSerializer,
    AgentLabelTargetSerializer,
    AgentSerializer,
    AgentVersionSerializer,
    AgentVersionSummarySerializer,
    NewAgentSerializer,
)
from apps.agents.definition import AgentDefinition, Author, read_definition
from apps.agents.exceptions import AgentNotFound
from apps.agents.models import Agent
from apps.agents.selectors import agents_with_heads, version_numbered

_PUBLISH = [
    OpenApiExample("Request", value=examples.DEFINITION, request_only=True),
    OpenApiExample("Answer", value=examples.VERSION, response_only=True),
]


class AgentFilter(filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Without `archived` a list holds the agents that are not."""

    archived = filters.BooleanFilter("archived_at", lookup_expr="isnull", exclude=True)


@extend_schema_view(
    list=extend_schema(summary="List agents, the newest first"),
    retrieve=extend_schema(summary="Read an agent"),
)
class AgentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceViewSet):
    """Agents with their versions and labels."""

    permissions = {
        "list": Permission.AGENTS_READ,
        "retrieve": Permission.AGENTS_READ,
        "create": Permission.AGENTS_WRITE,
        "partial_update": Permission.AGENTS_WRITE,
        "destroy": Permission.AGENTS_WRITE,
        "restore": Permission.AGENTS_WRITE,
        "versions": Permission.AGENTS_READ,
        "version": Permission.AGENTS_READ,
        "publish": Permission.AGENTS_WRITE,
        "set_label": Permission.AGENTS_WRITE,
        "delete_label": Permission.AGENTS_WRITE,
    }
    serializer_class = AgentSerializer
    queryset = Agent.objects.all()
    filterset_class = AgentFilter
    lookup_url_kwarg = "agent"
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Agent] = super().get_queryset()
        if self.action == "list" and "archived" not in self.request.query_params:
            rows = rows.filter(archived_at=None)
        return agents_with_heads(rows)

    def get_object(self) -> Agent:
        """By slug or id. Raises AgentNotFound."""
        agent: Agent | None = self.get_queryset().filter(**_lookup(self.kwargs["agent"])).first()
        if agent is None:
            raise AgentNotFound
        return agent

    @extend_schema(
        summary="Create an agent without versions", request=NewAgentSerializer, responses={201: AgentSerializer}
    )
    def create(self, request: Request) -> Response:
        body = NewAgentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        agent = services.create_agent(self.principal.workspace_id, **body.validated_data)
        return self._shown(agent, status.HTTP_201_CREATED)

    @extend_schema(summary="Change an agent's name or description", request=AgentChangesSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        agent = self.get_object()
        body = AgentChangesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._shown(services.describe_agent(agent, **body.validated_data))

    @extend_schema(summary="Archive an agent: no more runs; what it did stays", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        services.archive_agent(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Take an agent out of the archive", request=None, responses=AgentSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **kwargs: Any) -> Response:
        return self._shown(services.restore_agent(self.get_object()))

    @extend_schema(
        summary="List an agent's versions, the newest first", responses=AgentVersionSummarySerializer(many=True)
    )
    @action(detail=True)
    def versions(self, request: Request, **kwargs: Any) -> Response:
        rows = self.get_object().versions.select_related("model__provider").prefetch_related("labels")
        page = self.paginate_queryset(rows.defer("instructions", "output_schema", "settings"))
        return self.get_paginated_response(AgentVersionSummarySerializer(page, many=True).data)

    @extend_schema(
        summary="Publish a definition as the agent's next version, or find it to be the newest already",
        request=AgentDefinition,
        responses={201: AgentVersionSerializer},
        examples=_PUBLISH,
    )
    @versions.mapping.post
    def publish(self, request: Request, **kwargs: Any) -> Response:
        definition = read_definition(request.data)
        author = Author(self.principal.kind, self.principal.id)
        version = services.publish_version(self.get_object(), definition=definition, author=author)
        return Response(AgentVersionSerializer(version).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Read a version with its definition", responses=AgentVersionSerializer)
    @action(detail=True, url_path=r"versions/(?P<number>[0-9]{1,9})")
    def version(self, request: Request, number: str, **kwargs: Any) -> Response:
        return Response(AgentVersionSerializer(version_numbered(self.get_object(), int(number))).data)

    @extend_schema(
        summary="Let a label point at a version",
        request=AgentLabelTargetSerializer,
        responses={200: AgentLabelSerializer},
    )
    @action(detail=True, methods=["put"], url_path=r"labels/(?P<name>[^/]+)")
    def set_label(self, request: Request, name: str, **kwargs: Any) -> Response:
        body = AgentLabelTargetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        label = services.set_label(self.get_object(), name=name, number=body.validated_data["version"])
        return Response(AgentLabelSerializer(label).data)

    @extend_schema(summary="Take a label away", responses={204: None})
    @set_label.mapping.delete
    def delete_label(self, request: Request, name: str, **kwargs: Any) -> Response:
        services.delete_label(self.get_object(), name=name)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _shown(self, agent: Agent, code: int = status.HTTP_200_OK) -> Response:
        """The agent as a reader sees it after the write."""
        row = agents_with_heads(Agent.objects.filter(pk=agent.pk)).get()
        return Response(AgentSerializer(row).data, status=code)


def _lookup(name: str) -> dict[str, Any]:
    try:
        return {"id": uuid.UUID(name)}
    except ValueError:
        return {"slug": name}
