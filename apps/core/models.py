"""Base of every model, and the two tables that belong to no app in particular."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from apps.core.ids import new_id


class IdentifiedModel(models.Model):
    """A row with a UUIDv7 made in Python; ordering by `id` is ordering by creation."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True


class Blob(IdentifiedModel):
    """Bytes stored once per workspace under their SHA-256; never changed."""

    workspace_lookup: ClassVar[str] = "workspace_id"

    workspace_id = models.UUIDField()
    digest = models.BinaryField(max_length=32)
    size = models.PositiveBigIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace_id", "digest"], name="blob_once_per_workspace")]

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class Walk(models.Model):
    """How far housekeeping has come in a table that it walks in small steps."""

    name = models.CharField(max_length=40, primary_key=True)
    position = models.UUIDField(help_text="The last row that was looked at.")

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class IdempotencyKey(IdentifiedModel):
    """The answer to a POST, kept so that the same request under the same key gets it again."""

    LIFETIME: ClassVar[timedelta] = timedelta(hours=24)

    workspace_id = models.UUIDField()
    principal_id = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    subject_id = models.UUIDField(null=True, help_text="The row that the answer describes.")
    expires_at = models.DateTimeField(db_default=Now() + LIFETIME, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "principal_id", "key"], name="idempotency_key_once"),
        ]
        indexes = [
            models.Index(
                fields=["subject_id"], name="idempotency_key_of_subject", condition=models.Q(subject_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.key
