"""The shapes of contexts, entries, commits, versions and labels."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.contexts.api import examples
from apps.contexts.api.shapes import answer, request
from apps.contexts.changes import Change, Hide, Put, Remove
from apps.contexts.contents import MAX_KEY, MAX_TITLE
from apps.contexts.kinds import ContentType, EntryKind, Source, Trust
from apps.contexts.models import Context, Entry, Label, Version
from apps.contexts.paths import MAX_LENGTH
from apps.core.serializers import StrictSerializer

MAX_CHANGES = 1_000
MAX_VERSION = 2**53


@extend_schema_serializer(examples=request(examples.NEW_CONTEXT))
class NewContextSerializer(StrictSerializer):
    """A context to be; those above it are made where they are missing."""

    path = serializers.CharField(max_length=MAX_LENGTH)
    description = serializers.CharField(max_length=10_000, required=False, default="", allow_blank=True)


@extend_schema_serializer(examples=request({"path": "archive/acme/case-42"}))
class ContextChangesSerializer(StrictSerializer):
    """What may change about a context: where it stands, what it says it holds."""

    path = serializers.CharField(max_length=MAX_LENGTH, required=False)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)


@extend_schema_serializer(examples=answer(examples.CONTEXT))
class ContextSerializer(serializers.ModelSerializer[Context]):
    """A context and the number of its newest version."""

    parent_id = serializers.UUIDField(allow_null=True)
    head = serializers.IntegerField()

    class Meta:
        model = Context
        fields = ["id", "path", "description", "parent_id", "head", "created_at"]


@extend_schema_field({"type": ["string", "number", "boolean", "object", "array"]})
class ContentField(serializers.JSONField):
    """A string, any JSON value, or a document's id, as `content_type` says."""


class ChangeSerializer(StrictSerializer):
    """One change: `put` sets a key, `remove` takes it away, `hide` makes it invisible here and below."""

    op = serializers.ChoiceField(choices=["put", "remove", "hide"])
    key = serializers.CharField(max_length=MAX_KEY, trim_whitespace=False)
    content = ContentField(required=False, allow_null=True)
    content_type = serializers.ChoiceField(choices=ContentType.choices, required=False)
    title = serializers.CharField(max_length=MAX_TITLE, required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=EntryKind.choices, required=False)
    source = serializers.ChoiceField(choices=Source.choices, required=False)  # type: ignore[assignment]
    summary = serializers.CharField(required=False, allow_blank=True)
    priority = serializers.IntegerField(required=False)
    pinned = serializers.BooleanField(required=False)
    trust = serializers.ChoiceField(choices=Trust.choices, required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    provenance = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["op"] == "put" and "content" not in attrs:
            raise serializers.ValidationError({"content": "A put has content."}, code="required")
        if attrs["op"] != "put" and (foreign := attrs.keys() - {"op", "key"}):
            raise serializers.ValidationError(dict.fromkeys(foreign, "Only a put has this."), code="unknown_field")
        return attrs


@extend_schema_serializer(examples=request(examples.COMMIT))
class CommitSerializer(StrictSerializer):
    """Changes that become one version together, or none of them."""

    changes = ChangeSerializer(many=True, allow_empty=False, max_length=MAX_CHANGES)  # type: ignore[call-arg]
    message = serializers.CharField(max_length=10_000, required=False, default="", allow_blank=True)
    expected_version = serializers.IntegerField(
        min_value=0,
        max_value=MAX_VERSION,
        required=False,
        allow_null=True,
        default=None,
        help_text="The head that the changes build on, 0 before the first. Another head answers 409 `stale_version`.",
    )


def change(value: dict[str, Any]) -> Change:
    """The change of a checked body."""
    fields = {name: item for name, item in value.items() if name != "op"}
    match value["op"]:
        case "remove":
            return Remove(value["key"])
        case "hide":
            return Hide(value["key"])
    enums = {"content_type": ContentType, "kind": EntryKind, "source": Source, "trust": Trust}
    return Put(**{name: enums[name](item) if name in enums else item for name, item in fields.items()})


@extend_schema_serializer(examples=answer(examples.VERSION))
class VersionSerializer(serializers.ModelSerializer[Version]):
    """One commit."""

    branch = serializers.CharField(source="branch.name")
    labels = serializers.SerializerMethodField()

    class Meta:
        model = Version
        fields = [
            "number",
            "parent",
            "branch",
            "message",
            "author",
            "run_id",
            "step_n",
            "changes",
            "labels",
            "created_at",
        ]

    def get_labels(self, version: Version) -> list[str]:
        return sorted(label.name for label in version.labels.all())


@extend_schema_serializer(examples=answer(examples.ENTRY))
class EntrySerializer(serializers.ModelSerializer[Entry]):
    """An entry without its content. `context` and `version` say where and when it was written."""

    context_id = serializers.UUIDField()
    version = serializers.IntegerField(source="valid_from")
    ref = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField()
    tokens = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = Entry
        fields = [
            "key",
            "context_id",
            "version",
            "ref",
            "title",
            "kind",
            "source",
            "content_type",
            "digest",
            "size",
            "tokens",
            "priority",
            "pinned",
            "trust",
            "expires_at",
        ]

    def get_ref(self, entry: Entry) -> str:
        return f"ctx:{entry.context_id}@{entry.valid_from}#{entry.key}"

    def get_digest(self, entry: Entry) -> str:
        return bytes(entry.digest).hex()


@extend_schema_serializer(examples=answer(examples.ENTRY_CONTENT))
class EntryContentSerializer(EntrySerializer):
    """An entry with its content: a string, or a JSON value where `content_type` is `json`."""

    provenance = serializers.DictField()
    content = ContentField(allow_null=True)

    class Meta(EntrySerializer.Meta):
        fields = [*EntrySerializer.Meta.fields, "summary", "provenance", "content"]


@extend_schema_serializer(examples=request({"version": 3, "protected": True}))
class LabelTargetSerializer(StrictSerializer):
    """Where a label shall point, and whether only who manages the workspace may move it."""

    version = serializers.IntegerField(min_value=1, max_value=MAX_VERSION)
    protected = serializers.BooleanField(required=False, allow_null=True, default=None)


@extend_schema_serializer(examples=answer(examples.LABEL))
class LabelSerializer(serializers.ModelSerializer[Label]):
    """A label and the number of the version it points at."""

    version = serializers.IntegerField(source="version.number")

    class Meta:
        model = Label
        fields = ["name", "version", "protected"]
