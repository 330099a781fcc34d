"""Runs that start by the clock."""

from django.db import models
from django.db.models import Q

from apps.accounts.models import WorkspaceModel
from apps.runs.models.references import reference_index


class Overlap(models.TextChoices):
    """What happens when a fire is due and the run of an earlier one has not finished."""

    SKIP = "skip", "Skip the new one"
    ENQUEUE = "enqueue", "Start it as well"
    CANCEL = "cancel", "Cancel the earlier one"


class Schedule(WorkspaceModel):
    """A run of an agent at the times of a cron expression, read in a time zone.

    `next_fire_at` is claimed by compare-and-swap, so that any number of clocks fire once. Times missed while nobody
    looked are made good once.
    """

    name = models.CharField(max_length=100)
    agent = models.CharField(max_length=200, help_text="A slug, slug@3 or slug@label, resolved at each fire.")
    input = models.BinaryField()
    cron = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC")
    overlap = models.CharField(max_length=8, choices=Overlap, default=Overlap.SKIP)
    limits = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    next_fire_at = models.DateTimeField(null=True, blank=True)
    last_fire_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True, default="")
    created_by_kind = models.CharField(max_length=20, blank=True, default="")
    created_by_id = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["next_fire_at"], name="schedule_due", condition=Q(enabled=True)),
            reference_index("input", "schedule_input_apart"),
        ]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="schedule_name_once")]

    def __str__(self) -> str:
        return self.name
