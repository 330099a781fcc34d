"""How many runs of a workspace, an agent or an API key may be running at once."""

from django.db import models
from django.db.models import Q

from apps.accounts.models import WorkspaceModel


class CapKind(models.TextChoices):
    """Whose runs a cap counts."""

    WORKSPACE = "workspace", "Workspace"
    AGENT = "agent", "Agent"
    KEY = "key", "API key"


class Cap(WorkspaceModel):
    """A ceiling on running runs. It has a `Slot` row for each run it allows."""

    kind = models.CharField(max_length=10, choices=CapKind)
    subject_id = models.UUIDField(help_text="Of the workspace, agent or API key.")
    slots = models.PositiveIntegerField()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "subject_id"], name="cap_once")]

    def __str__(self) -> str:
        return f"{self.slots} for {self.kind} {self.subject_id}"


class Slot(models.Model):
    """One place under a cap: free, or taken by a running run.

    A claim takes it with SKIP LOCKED, so that racing claims cannot pass the cap; leaving `running` gives it back.
    """

    cap = models.ForeignKey(Cap, on_delete=models.CASCADE, related_name="places", db_index=False)
    n = models.PositiveIntegerField()
    run_id = models.UUIDField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cap", "n"], name="slot_once")]
        indexes = [
            models.Index(fields=["cap", "n"], name="slot_free", condition=Q(run_id__isnull=True)),
            models.Index(fields=["run_id"], name="slot_of_run", condition=Q(run_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.cap_id}/{self.n}"
