"""The shapes of searches and of assemblies without a model."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.contexts.api import examples
from apps.contexts.api.shapes import answer, request
from apps.contexts.assembly import Assembly, AssemblyRequest, Mount
from apps.contexts.assembly.request import PASSAGES
from apps.contexts.search import MAX_LIMIT, Hit
from apps.core.serializers import StrictSerializer
from apps.providers.kinds import Tokenizer

MAX_TEXT = 100_000
MAX_BUDGET = 10_000_000
MAX_MOUNTS = 50


class SearchQuerySerializer(StrictSerializer):
    """What to search for."""

    q = serializers.CharField(max_length=2_000, help_text="A question or some words.")
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=8)
    per_document = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, required=False, help_text="At most so many passages of one document."
    )


@extend_schema_serializer(examples=answer(examples.HIT))
class HitSerializer(serializers.Serializer[Hit]):
    """A passage that was found: characters `start` to `end` of its document, and how each half ranked it."""

    ref = serializers.CharField()
    document_id = serializers.UUIDField()
    title = serializers.CharField(source="document_title")
    heading = serializers.CharField()
    context_id = serializers.UUIDField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    text = serializers.CharField()
    tokens = serializers.IntegerField()
    score = serializers.FloatField()
    text_rank = serializers.IntegerField(allow_null=True)
    vector_rank = serializers.IntegerField(allow_null=True)
    similarity = serializers.FloatField(allow_null=True)


@extend_schema_serializer(examples=answer({"data": [examples.HIT]}))
class SearchResultSerializer(serializers.Serializer[Any]):
    """The best passages first."""

    data = HitSerializer(many=True)  # type: ignore[assignment]  # DRF takes fields off the class


class MountSerializer(StrictSerializer):
    """A context in the prompt, at a version or at its newest."""

    context_id = serializers.UUIDField()
    version = serializers.IntegerField(min_value=1, max_value=2**53, required=False, allow_null=True, default=None)
    access = serializers.ChoiceField(choices=["read", "write"], default="read")
    share = serializers.FloatField(min_value=0, max_value=1, default=0.0, help_text="Its part of the budget; 0: open.")


@extend_schema_serializer(examples=request(examples.ASSEMBLY_REQUEST))
class AssemblyRequestSerializer(StrictSerializer):
    """One prompt to fill, without calling a model."""

    budget_tokens = serializers.IntegerField(min_value=0, max_value=MAX_BUDGET)
    tokenizer = serializers.ChoiceField(choices=Tokenizer.choices, default=Tokenizer.O200K)
    mounts = MountSerializer(many=True, required=False, default=list, max_length=MAX_MOUNTS)  # type: ignore[call-arg]
    instructions = serializers.CharField(max_length=MAX_TEXT, required=False, default="", allow_blank=True)
    query = serializers.CharField(max_length=2_000, required=False, default="", allow_blank=True)
    question = serializers.CharField(max_length=MAX_TEXT, required=False, default="", allow_blank=True)
    history_tokens = serializers.IntegerField(min_value=0, max_value=MAX_BUDGET, default=0)
    passages = serializers.IntegerField(min_value=0, max_value=MAX_LIMIT, default=PASSAGES)

    def to_request(self, workspace_id: Any) -> AssemblyRequest:
        """The request of a checked body."""
        fields = dict(self.validated_data)
        mounts = tuple(
            Mount(mount["context_id"], mount["version"], mount["access"], mount["share"])
            for mount in fields.pop("mounts")
        )
        return AssemblyRequest(workspace_id=workspace_id, mounts=mounts, **fields)


@extend_schema_serializer(examples=answer(examples.ASSEMBLY))
class AssemblySerializer(serializers.Serializer[Assembly]):
    """The two regions of the prompt, and the record of every candidate."""

    stable = serializers.CharField()
    tail = serializers.CharField()
    tokens = serializers.IntegerField()
    manifest = serializers.SerializerMethodField()

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_manifest(self, assembly: Assembly) -> dict[str, Any]:
        return assembly.manifest.to_json()
