"""What is known of tools: their names, and each version's schemas and effect as the code last declared them."""

from typing import Any, ClassVar

from django.db import models

from apps.core.models import IdentifiedModel
from apps.tools.effects import Effect


class Tool(IdentifiedModel):
    """A name under which versions of a tool are registered; without a workspace it belongs to the platform."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, null=True, blank=True)
    name = models.CharField(max_length=64)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="tool_name_unique", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return self.name


class ToolVersion(IdentifiedModel):
    """One version as its code declared it: immutable but for its time limit and whether the code is still there.

    The digest covers name, version, description, schemas and effect; agents bind versions, so what they bound cannot
    change under them. `unavailable_reason` is empty while the code of this version can be called.
    """

    workspace_lookup: ClassVar[str] = "tool__workspace"

    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(max_length=40)
    description = models.TextField()
    input_schema: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField()
    output_schema: "models.JSONField[dict[str, Any] | None, dict[str, Any] | None]" = models.JSONField(null=True)
    config_schema: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField()
    effect = models.CharField(max_length=12, choices=Effect, default=Effect.UNSAFE)
    timeout_s = models.FloatField()
    digest = models.BinaryField(max_length=32)
    source = models.CharField(max_length=120)
    is_available = models.BooleanField(default=True)
    unavailable_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["tool", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["tool", "version"], name="tool_version_unique"),
            models.CheckConstraint(condition=models.Q(timeout_s__gt=0), name="tool_timeout_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.tool.name}@{self.version}"
