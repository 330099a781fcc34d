"""The shapes of this app's requests and answers."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.accounts.api import examples
from apps.accounts.models import ROLE_CHOICES, SCOPE_CHOICES, ApiKey, Membership, Workspace
from apps.accounts.permissions import Permission, Role
from apps.accounts.services.api_keys import DEFAULT_LIFETIME, MAX_LIFETIME
from apps.core.serializers import StrictSerializer


class RoleField(serializers.ChoiceField):
    """A role, as the enum's member."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=ROLE_CHOICES, **kwargs)

    def to_internal_value(self, data: Any) -> Role:
        return Role(super().to_internal_value(data))


@extend_schema_serializer(examples=examples.answer(examples.WORKSPACE))
class WorkspaceSerializer(serializers.ModelSerializer[Workspace]):
    """A workspace."""

    class Meta:
        model = Workspace
        fields = ["id", "slug", "name", "created_at", "intake_paused_at"]


class JoinedWorkspaceSerializer(serializers.ModelSerializer[Membership]):
    """A workspace and the asker's role in it."""

    id = serializers.UUIDField(source="workspace_id")
    slug = serializers.SlugField(source="workspace.slug")
    name = serializers.CharField(source="workspace.name")

    class Meta:
        model = Membership
        fields = ["id", "slug", "name", "role"]


@extend_schema_serializer(examples=examples.answer(examples.ME))
class MeSerializer(serializers.Serializer[Any]):
    """Who asks and what they may do; without a workspace there is no role and no permission."""

    kind = serializers.ChoiceField(choices=[("user", "User"), ("service_account", "Service account")])
    id = serializers.UUIDField()
    name = serializers.CharField()
    workspace_id = serializers.UUIDField(allow_null=True)
    role = RoleField(allow_null=True)
    permissions = serializers.ListField(child=serializers.CharField())
    key_id = serializers.CharField(allow_null=True)
    workspaces = JoinedWorkspaceSerializer(many=True)


@extend_schema_serializer(examples=examples.answer(examples.MEMBER))
class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A person in the workspace."""

    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    user_id = serializers.UUIDField()

    class Meta:
        model = Membership
        fields = ["id", "user_id", "email", "name", "role", "created_at"]


@extend_schema_serializer(examples=examples.request(email="bob@example.org", role="operator"))
class NewMemberSerializer(StrictSerializer):
    """Whom to add, and as what."""

    email = serializers.EmailField()
    role = RoleField()


@extend_schema_serializer(examples=examples.request(role="builder"))
class RoleSerializer(StrictSerializer):
    """The new role."""

    role = RoleField()


@extend_schema_serializer(examples=examples.answer(examples.SERVICE_ACCOUNT))
class ServiceAccountSerializer(serializers.ModelSerializer[Membership]):
    """A program that acts in the workspace."""

    id = serializers.UUIDField(source="service_account_id")
    name = serializers.CharField(source="service_account.name")

    class Meta:
        model = Membership
        fields = ["id", "name", "role", "created_at"]


@extend_schema_serializer(examples=examples.request(name="Nightly import", role="operator"))
class NewServiceAccountSerializer(StrictSerializer):
    """What to call it, and its role."""

    name = serializers.CharField(max_length=200)
    role = RoleField()


@extend_schema_serializer(examples=examples.answer(examples.API_KEY))
class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """An API key, without its secret."""

    user_id = serializers.UUIDField(source="membership.user_id", allow_null=True)
    service_account_id = serializers.UUIDField(source="membership.service_account_id", allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "user_id",
            "service_account_id",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]


@extend_schema_serializer(examples=examples.answer(examples.ISSUED_KEY))
class IssuedKeySerializer(ApiKeySerializer):
    """A new API key; `key` is shown this once."""

    key = serializers.CharField()

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]


@extend_schema_serializer(examples=examples.request(name="CI", scopes=["runs:read", "runs:write"], expires_in_days=90))
class NewApiKeySerializer(StrictSerializer):
    """A key for oneself, or for a service account; without `scopes` it may do all that its owner's role may."""

    name = serializers.CharField(max_length=200)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=SCOPE_CHOICES), required=False, allow_empty=False
    )
    expires_in_days = serializers.IntegerField(
        min_value=1, max_value=MAX_LIFETIME.days, required=False, default=DEFAULT_LIFETIME.days
    )
    service_account_id = serializers.UUIDField(required=False, allow_null=True, default=None)

    def validate_scopes(self, scopes: list[str]) -> list[Permission]:
        return [Permission(scope) for scope in scopes]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["lifetime"] = timedelta(days=attrs.pop("expires_in_days"))
        return attrs


@extend_schema_serializer(examples=examples.answer({"intake_paused_at": None}))
class PlatformSerializer(serializers.Serializer[Any]):
    """The platform's switches."""

    intake_paused_at = serializers.DateTimeField(allow_null=True)
