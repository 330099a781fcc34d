"""The lease of a worker process: one row, renewed by a heartbeat, for all the runs that it holds."""

from django.db import models
from django.db.models.functions import Now

from apps.core.models import IdentifiedModel


class WorkerProcess(IdentifiedModel):
    """A process that may hold runs until `expires_at`, by the database's clock."""

    hostname = models.CharField(max_length=200)
    pid = models.IntegerField()
    slots = models.IntegerField()
    running = models.IntegerField(default=0)
    draining = models.BooleanField(default=False)
    heartbeat_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "worker processes"

    def __str__(self) -> str:
        return f"{self.hostname}:{self.pid}"
