"""The shapes of this app's requests and answers."""

from typing import Any, Final

from drf_spectacular.contrib.pydantic import PydanticExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.agents.api import examples
from apps.agents.models import Agent, AgentLabel, AgentVersion
from apps.agents.selectors import definition_of
from apps.core.serializers import StrictSerializer


class DefinitionSchema(PydanticExtension):  # type: ignore[no-untyped-call]
    """Describes a definition as people may write it, where fields with a default can be left out."""

    target_class = "apps.agents.definition.AgentDefinition"
    priority = 1

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = self.target.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, part in schema.pop("$defs", {}).items():
            component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part)  # type: ignore[no-untyped-call]
            auto_schema.registry.register_on_missing(component)
        return schema


# Where the document describes what `DefinitionSchema` describes.
DEFINITION_REF: Final = {"$ref": "#/components/schemas/AgentDefinitionRequest"}


def _answer(value: dict[str, Any]) -> list[OpenApiExample]:
    return [OpenApiExample("Answer", value=value, response_only=True)]


def _request(value: dict[str, Any]) -> list[OpenApiExample]:
    return [OpenApiExample("Request", value=value, request_only=True)]


@extend_schema_serializer(examples=_request(examples.NEW_AGENT))
class NewAgentSerializer(StrictSerializer):
    """An agent to be; its slug stays as it is."""

    slug = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    description = serializers.CharField(max_length=10_000, required=False, default="", allow_blank=True)


@extend_schema_serializer(examples=_request({"name": "Support desk"}))
class AgentChangesSerializer(StrictSerializer):
    """What may change about an agent; what it does is in its versions."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)


@extend_schema_serializer(examples=_answer(examples.AGENT))
class AgentSerializer(serializers.ModelSerializer[Agent]):
    """An agent, the number of its newest version, and where its labels point."""

    newest_version = serializers.IntegerField(allow_null=True)
    labels = serializers.SerializerMethodField()

    class Meta:
        model = Agent
        fields = ["id", "slug", "name", "description", "newest_version", "labels", "archived_at", "created_at"]

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_labels(self, agent: Agent) -> dict[str, int]:
        return {label.name: label.version.number for label in agent.labels.all()}


class AgentVersionAuthorSerializer(serializers.Serializer[AgentVersion]):
    """Who published: a user or a service account."""

    kind = serializers.CharField(source="created_by_kind")
    id = serializers.UUIDField(source="created_by_id", allow_null=True)


@extend_schema_serializer(examples=_answer(examples.VERSION_SUMMARY))
class AgentVersionSummarySerializer(serializers.ModelSerializer[AgentVersion]):
    """A version in a list, without its definition."""

    model = serializers.CharField()
    labels = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField()
    created_by = AgentVersionAuthorSerializer(source="*")

    class Meta:
        model = AgentVersion
        fields = ["id", "number", "model", "labels", "digest", "created_by", "created_at"]

    def get_labels(self, version: AgentVersion) -> list[str]:
        return [label.name for label in version.labels.all()]

    def get_digest(self, version: AgentVersion) -> str:
        return bytes(version.digest).hex()


@extend_schema_serializer(examples=_answer(examples.VERSION))
class AgentVersionSerializer(AgentVersionSummarySerializer):
    """A version with its definition, which can be published again as it is."""

    definition = serializers.SerializerMethodField()

    class Meta(AgentVersionSummarySerializer.Meta):
        fields = [*AgentVersionSummarySerializer.Meta.fields, "definition"]

    @extend_schema_field(DEFINITION_REF)
    def get_definition(self, version: AgentVersion) -> dict[str, Any]:
        return definition_of(version).model_dump(mode="json")


@extend_schema_serializer(examples=_request({"version": 3}))
class AgentLabelTargetSerializer(StrictSerializer):
    """Where a label shall point."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


@extend_schema_serializer(examples=_answer(examples.LABEL))
class AgentLabelSerializer(serializers.ModelSerializer[AgentLabel]):
    """A label and the number of the version it points at."""

    version = serializers.IntegerField(source="version.number")

    class Meta:
        model = AgentLabel
        fields = ["name", "version", "moved_at"]
