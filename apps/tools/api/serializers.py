"""The shapes of this app's answers."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.tools.api import examples
from apps.tools.models import Tool, ToolVersion
from apps.tools.selectors import newest

_SUMMARY = ["id", "name", "version", "description", "effect", "timeout_s", "is_available", "unavailable_reason"]


class ToolVersionSummarySerializer(serializers.ModelSerializer[ToolVersion]):
    """One version, without its schemas."""

    name = serializers.CharField(source="tool.name")

    class Meta:
        model = ToolVersion
        fields = [*_SUMMARY, "created_at"]


@extend_schema_serializer(examples=[OpenApiExample("Answer", value=examples.TOOL | examples.SCHEMAS)])
class ToolVersionSerializer(ToolVersionSummarySerializer):
    """One version with its contract: what it takes, what it gives, and what a binding may configure."""

    input_schema = serializers.DictField()
    output_schema = serializers.DictField(allow_null=True)
    config_schema = serializers.DictField()
    digest = serializers.SerializerMethodField()

    class Meta(ToolVersionSummarySerializer.Meta):
        fields = [*ToolVersionSummarySerializer.Meta.fields, *examples.SCHEMAS]

    def get_digest(self, row: ToolVersion) -> str:
        return bytes(row.digest).hex()


class _ByNewestVersion(serializers.ModelSerializer[Any]):
    """Shows a tool by the version that an agent gets when it asks for none; the versions are already fetched."""

    def to_representation(self, instance: Tool) -> Any:
        row = newest(instance.versions.all())
        row.tool = instance
        return {**super().to_representation(row), "id": str(instance.id)}


@extend_schema_serializer(examples=[OpenApiExample("Answer", value=examples.TOOL)])
class ToolSummarySerializer(_ByNewestVersion, ToolVersionSummarySerializer):
    """A tool in a list."""


@extend_schema_serializer(examples=[OpenApiExample("Answer", value=examples.TOOL | examples.SCHEMAS)])
class ToolSerializer(_ByNewestVersion, ToolVersionSerializer):
    """A tool, with the contract of its newest version."""
