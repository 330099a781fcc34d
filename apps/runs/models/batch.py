"""Many runs accepted together, whose progress is one row."""

from django.db import models

from apps.accounts.models import Workspace, WorkspaceModel


class Batch(WorkspaceModel):
    """Up to a thousand runs of one request; how far they are is counted over them."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    total = models.IntegerField()
    metadata = models.JSONField(default=dict, blank=True)
    created_by_kind = models.CharField(max_length=20, blank=True, default="")
    created_by_id = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["workspace", "-id"], name="batch_of_workspace")]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return f"{self.total} runs of {self.created_at:%Y-%m-%d %H:%M}"
