"""The shapes of this app's requests and answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.core.serializers import StrictModelSerializer, StrictSerializer
from apps.providers.api import examples
from apps.providers.kinds import ProviderKind
from apps.providers.models import EmbeddingModel, LanguageModel, Provider


class CredentialsStateSerializer(serializers.Serializer[Provider]):
    """All that is shown of credentials: the last characters, and a fingerprint that changes with them."""

    set = serializers.SerializerMethodField()
    hint = serializers.CharField(source="credentials_hint")
    fingerprint = serializers.CharField(source="credentials_fingerprint")

    def get_set(self, provider: Provider) -> bool:
        return bool(provider.credentials)


@extend_schema_serializer(examples=examples.answer(examples.PROVIDER))
class ProviderSerializer(serializers.ModelSerializer[Provider]):
    """A provider, without its credentials."""

    settings = serializers.DictField()
    credentials = CredentialsStateSerializer(source="*")

    class Meta:
        model = Provider
        fields = [
            "id",
            "slug",
            "kind",
            "name",
            "base_url",
            "settings",
            "requests_per_minute",
            "timeout_s",
            "enabled",
            "credentials",
            "created_at",
            "updated_at",
        ]


@extend_schema_serializer(examples=[examples.request({"requests_per_minute": 120})])
class ProviderChangesSerializer(StrictModelSerializer):
    """What may change about a provider. A base URL that names another server drops the credentials."""

    settings = serializers.DictField(required=False)

    class Meta:
        model = Provider
        fields = ["name", "base_url", "settings", "requests_per_minute", "timeout_s", "enabled"]
        extra_kwargs = {"name": {"required": False}}


@extend_schema_serializer(examples=[examples.request(examples.NEW_PROVIDER)])
class NewProviderSerializer(ProviderChangesSerializer):
    """A provider to be. Its slug and kind stay as they are."""

    kind = serializers.ChoiceField(choices=ProviderKind.choices)

    class Meta(ProviderChangesSerializer.Meta):
        fields = ["slug", "kind", *ProviderChangesSerializer.Meta.fields]


@extend_schema_serializer(examples=[examples.request(examples.CREDENTIALS)])
class CredentialsSerializer(StrictSerializer):
    """Credentials: an `api_key`, or for Bedrock the AWS ones. They can be set and never read."""

    api_key = serializers.CharField(required=False, max_length=4096, write_only=True)
    aws_access_key_id = serializers.CharField(required=False, max_length=256, write_only=True)
    aws_secret_access_key = serializers.CharField(required=False, max_length=256, write_only=True)
    aws_session_token = serializers.CharField(required=False, max_length=4096, write_only=True)


@extend_schema_serializer(examples=[examples.request({"model_id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10"})])
class TestRequestSerializer(StrictSerializer):
    """Which model to ask; the provider's first one without it."""

    __test__ = False  # not one of pytest's

    model_id = serializers.UUIDField(required=False)


@extend_schema_serializer(examples=examples.answer(examples.REPORT))
class ConnectionReportSerializer(serializers.Serializer[Any]):
    """What the test found; `code` is `ok` or that of the error."""

    ok = serializers.BooleanField()
    code = serializers.CharField()
    detail = serializers.CharField()
    latency_ms = serializers.IntegerField()


@extend_schema_serializer(examples=examples.answer(examples.MODEL_SUMMARY))
class LanguageModelSummarySerializer(serializers.ModelSerializer[LanguageModel]):
    """A language model without its script. `model` is how it is written elsewhere; prices are USD per million."""

    model = serializers.CharField(source="__str__", read_only=True)
    provider_id = serializers.UUIDField()
    fallback_id = serializers.UUIDField(allow_null=True)
    settings = serializers.DictField()

    class Meta:
        model = LanguageModel
        fields = [
            "id",
            "model",
            "provider_id",
            "name",
            "context_window",
            "max_output_tokens",
            "tokenizer",
            "input_price",
            "output_price",
            "settings",
            "fallback_id",
            "is_active",
            "created_at",
            "updated_at",
        ]


@extend_schema_field({"type": ["array", "object"], "items": {"type": "object"}})
class ScriptField(serializers.JSONField):
    """A script; the service checks it."""


@extend_schema_serializer(examples=examples.answer(examples.MODEL))
class LanguageModelSerializer(LanguageModelSummarySerializer):
    """A language model."""

    script = ScriptField(allow_null=True)

    class Meta(LanguageModelSummarySerializer.Meta):
        fields = [*LanguageModelSummarySerializer.Meta.fields, "script"]


@extend_schema_serializer(examples=[examples.request({"context_window": 128_000, "is_active": True})])
class LanguageModelChangesSerializer(StrictModelSerializer):
    """What may change about a language model."""

    settings = serializers.DictField(required=False)
    script = ScriptField(required=False, allow_null=True)
    fallback_id = serializers.UUIDField(required=False, allow_null=True)

    class Meta:
        model = LanguageModel
        fields = [
            "name",
            "context_window",
            "max_output_tokens",
            "tokenizer",
            "input_price",
            "output_price",
            "settings",
            "script",
            "fallback_id",
            "is_active",
        ]
        validators: list[Any] = []


@extend_schema_serializer(
    examples=[
        examples.request(examples.NEW_MODEL),
        examples.request(examples.SCRIPTED_MODEL, "A model of a scripted provider"),
    ]
)
class NewLanguageModelSerializer(LanguageModelChangesSerializer):
    """A language model to be."""

    provider_id = serializers.UUIDField()

    class Meta(LanguageModelChangesSerializer.Meta):
        fields = ["provider_id", *LanguageModelChangesSerializer.Meta.fields]


@extend_schema_serializer(examples=examples.answer(examples.EMBEDDING_MODEL))
class EmbeddingModelSerializer(serializers.ModelSerializer[EmbeddingModel]):
    """An embedding model; without a provider it is the platform's own."""

    provider_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = EmbeddingModel
        fields = ["id", "name", "kind", "provider_id", "dimensions", "created_at"]


@extend_schema_serializer(examples=[examples.request(examples.NEW_EMBEDDING_MODEL)])
class NewEmbeddingModelSerializer(StrictSerializer):
    """An embedding model of a provider."""

    provider_id = serializers.UUIDField()
    name = serializers.CharField(max_length=200)
    dimensions = serializers.IntegerField(min_value=1, max_value=65_536)
