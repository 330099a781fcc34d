"""How long a workspace keeps its finished runs."""

from django.db import models
from django.db.models import Q

from apps.accounts.models import Workspace, WorkspaceModel


class Retention(WorkspaceModel):
    """After how many days runs go that have finished, and after how many already their payloads.

    A day counts from the run's end, by the database's clock; null keeps for good. `swept_at` is when the workspace had
    its last turn.
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.PROTECT, related_name="+")
    run_days = models.PositiveIntegerField(
        "days to keep runs", null=True, blank=True, help_text="Finished runs with all their rows; empty for good."
    )
    payload_days = models.PositiveIntegerField(
        "days to keep payloads",
        null=True,
        blank=True,
        help_text="What runs were given, said and did; their rows stay. Empty as long as the run.",
    )
    swept_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "retention"
        constraints = [
            models.CheckConstraint(
                condition=Q(run_days__isnull=False) | Q(payload_days__isnull=False), name="retention_ends_something"
            ),
        ]

    def __str__(self) -> str:
        return str(self.workspace)
