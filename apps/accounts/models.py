"""People, workspaces, their memberships, and the keys that act for them."""

import uuid
from typing import Any, ClassVar, Literal

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from apps.accounts.permissions import KEY_SCOPES, Role
from apps.core.models import IdentifiedModel

ROLE_CHOICES = [(role.value, role.value.capitalize()) for role in Role]
SCOPE_CHOICES = [(scope.value, scope.value) for scope in sorted(KEY_SCOPES)]


class UserManager(BaseUserManager["User"]):
    """Makes users and finds them by e-mail, whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user who may sign in with this password, or with none when it is absent."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user with every right in the admin; what `createsuperuser` calls."""
        return self.create_user(email, password, **fields, is_staff=True, is_superuser=True)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(IdentifiedModel, AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail; `is_staff` opens the admin."""

    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_staff = models.BooleanField("staff", default=False, help_text="May sign in to the admin and to the dashboard.")
    is_active = models.BooleanField("active", default=True, help_text="Uncheck this instead of deleting the account.")

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case")]

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def __str__(self) -> str:
        return self.email


class Workspace(IdentifiedModel):
    """What one team owns; every row of every app that is not the platform's belongs to one."""

    workspace_lookup: ClassVar[str] = "id"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    intake_paused_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.name


class WorkspaceModel(IdentifiedModel):
    """A row that belongs to a workspace: the base of every tenant table."""

    workspace_lookup: ClassVar[str] = "workspace"

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class PlatformState(models.Model):
    """The single row of switches that hold for the whole installation."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    intake_paused_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "platform"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="platform_state_is_one_row")]

    def __str__(self) -> str:
        return "Platform"


class ServiceAccount(WorkspaceModel):
    """A program that acts in one workspace, through API keys of its own."""

    name = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="service_account_name_once")]

    def __str__(self) -> str:
        return self.name


class Membership(WorkspaceModel):
    """The role of a user or a service account in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships")
    service_account = models.OneToOneField(
        ServiceAccount, on_delete=models.CASCADE, null=True, blank=True, related_name="membership"
    )
    role = models.CharField(max_length=16, choices=ROLE_CHOICES)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "workspace"], name="membership_once_per_user"),
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(service_account__isnull=True), name="membership_has_one_holder"
            ),
            models.CheckConstraint(condition=Q(role__in=[role.value for role in Role]), name="membership_role_known"),
        ]

    @property
    def kind(self) -> Literal["user", "service_account"]:
        """Which of the two holds the role."""
        return "service_account" if self.user_id is None else "user"

    @property
    def holder_id(self) -> uuid.UUID:
        """The id of the user or service account that holds the role."""
        holder_id = self.service_account_id if self.user_id is None else self.user_id
        assert holder_id is not None, "the database checks that there is one"
        return holder_id

    def __str__(self) -> str:
        return f"{self.user or self.service_account}, {self.role} of {self.workspace}"


class ApiKey(models.Model):
    """A credential `cef_<id>_<secret>_<crc>` that acts for one membership; only a keyed hash of the secret is kept.

    It hangs on the membership and not on the user, so that it ends with the membership and follows its role.
    """

    workspace_lookup: ClassVar[str] = "membership__workspace"

    id = models.CharField(primary_key=True, max_length=8, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=32)
    pepper_kid = models.CharField(max_length=8, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=SCOPE_CHOICES))
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} (cef_{self.id}_…)"
