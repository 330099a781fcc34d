"""Agents and their immutable versions: model, instructions, tools, context mounts and limits."""

from typing import Any, ClassVar, NoReturn, Self, TypeVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.accounts.models import WorkspaceModel
from apps.agents.exceptions import VersionIsImmutable
from apps.agents.fields import OrderedJSONField

M = TypeVar("M", bound=models.Model)


class Agent(WorkspaceModel):
    """A name that people submit runs to; what it does is in its versions. Archived agents take no new runs."""

    slug = models.SlugField(max_length=64)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="agent_slug_unique")]

    def __str__(self) -> str:
        return self.slug


class ImmutableQuerySet(models.QuerySet[M]):
    """Refuses to change rows in bulk."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise VersionIsImmutable("A published agent version cannot be changed; publish a new one.")


class ImmutableManager(models.Manager[M]):
    """Reads, inserts, and nothing else."""

    def get_queryset(self) -> ImmutableQuerySet[M]:
        return ImmutableQuerySet(self.model, using=self._db)


class ImmutableModel(WorkspaceModel):
    """A row that is written once, together with its version."""

    objects: ClassVar[ImmutableManager[Self]] = ImmutableManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Inserts. Raises VersionIsImmutable for a row that exists."""
        if not self._state.adding:
            raise VersionIsImmutable("A published agent version cannot be changed; publish a new one.")
        super().save(*args, **kwargs)


class AgentVersion(ImmutableModel):
    """A published definition. `digest` covers all of it, so that publishing the newest one again changes nothing.

    `settings` go to the model with every request; `limits` hold steps, tokens, USD and seconds of one run.
    """

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    model = models.ForeignKey("providers.LanguageModel", on_delete=models.PROTECT, related_name="agent_versions")
    settings: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict, blank=True)
    instructions = models.TextField(blank=True)
    output_schema: "models.JSONField[dict[str, Any] | None, dict[str, Any] | None]" = OrderedJSONField(
        null=True, blank=True
    )
    limits: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict, blank=True)
    streaming = models.BooleanField(default=False)
    context_budget_tokens = models.PositiveIntegerField(default=8_000, validators=[MinValueValidator(1)])
    digest = models.BinaryField(max_length=32)
    created_by_kind = models.CharField(max_length=20, blank=True, default="")
    created_by_id = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "number"], name="agent_version_number_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.agent.slug}@{self.number}"


class ToolBinding(ImmutableModel):
    """A tool that a version may use, with its configuration (allowed hosts, say) and whose consent a call needs."""

    agent_version = models.ForeignKey(AgentVersion, on_delete=models.CASCADE, related_name="tool_bindings")
    tool_version = models.ForeignKey("tools.ToolVersion", on_delete=models.PROTECT, related_name="bindings")
    config: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict, blank=True)
    approval: "models.JSONField[dict[str, Any] | None, dict[str, Any] | None]" = models.JSONField(null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["agent_version", "tool_version"], name="tool_binding_unique"),
        ]

    def __str__(self) -> str:
        return str(self.tool_version)


class Access(models.TextChoices):
    """What an agent may do with a context it mounts."""

    READ = "read", "Read"
    WRITE = "write", "Read and write"


class ContextMount(ImmutableModel):
    """A context that a version sees. Without `version` a run reads the newest there is when the run is created.

    `share` is the part of the context budget (0 to 1) that this mount may fill; 0 leaves it to the assembly.
    """

    agent_version = models.ForeignKey(AgentVersion, on_delete=models.CASCADE, related_name="mounts")
    context = models.ForeignKey("contexts.Context", on_delete=models.PROTECT, related_name="mounts")
    version = models.PositiveBigIntegerField(null=True, blank=True)
    access = models.CharField(max_length=8, choices=Access, default=Access.READ)
    share = models.FloatField(default=0.0, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["agent_version", "context"], name="context_mount_unique"),
            models.CheckConstraint(condition=models.Q(share__gte=0, share__lte=1), name="context_mount_share"),
        ]

    def __str__(self) -> str:
        return f"{self.context} ({self.access})"


class AgentLabel(WorkspaceModel):
    """A movable name for a version, such as `production`."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="labels")
    name = models.SlugField(max_length=40)
    version = models.ForeignKey(AgentVersion, on_delete=models.PROTECT, related_name="labels")
    moved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["agent", "name"], name="agent_label_unique")]

    def __str__(self) -> str:
        return f"{self.agent.slug}@{self.name}"
