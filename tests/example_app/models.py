"""What the help desk works on."""

from django.db import models


class Ticket(models.Model):
    """A customer's request; `key` names the step of the run that opened it."""

    workspace_id = models.UUIDField(db_index=True)
    key = models.CharField(max_length=255, unique=True)
    subject = models.CharField(max_length=200)
    priority = models.CharField(max_length=10)
    opened_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.subject
