"""What a workspace may spend in a month, what a tree of runs may spend, and what is set aside for calls under way."""

from django.db import models
from django.db.models import Q

from apps.accounts.models import WorkspaceModel
from apps.core.models import IdentifiedModel


class Budget(WorkspaceModel):
    """The monthly ceilings of a workspace, by UTC; null is none."""

    token_limit = models.BigIntegerField(null=True, blank=True, help_text="Tokens in and out together, per month.")
    usd_limit = models.DecimalField(max_digits=16, decimal_places=8, null=True, blank=True, help_text="USD per month.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace"], name="budget_of_workspace"),
            models.CheckConstraint(
                condition=Q(token_limit__isnull=False) | Q(usd_limit__isnull=False), name="budget_limits_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.token_limit or '-'} tokens, {self.usd_limit or '-'} USD"


class Account(WorkspaceModel):
    """Counters under a ceiling: of a workspace in a month, or of a run and all of its descendants.

    What a call may cost at most is reserved before it and settled with its step, both under the row's lock: spent and
    reserved together never pass a limit.
    """

    subject_id = models.UUIDField(help_text="The workspace or the run.")
    month = models.DateField(null=True, help_text="The first day of a workspace's month; null for a run.")
    token_limit = models.BigIntegerField(null=True)
    usd_limit = models.DecimalField(max_digits=16, decimal_places=8, null=True)
    tokens_spent = models.BigIntegerField(default=0)
    usd_spent = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    tokens_reserved = models.BigIntegerField(default=0)
    usd_reserved = models.DecimalField(max_digits=16, decimal_places=8, default=0)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["subject_id", "month"], name="account_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.month or ''}"


class Reservation(IdentifiedModel):
    """What one model call under way may cost at most; gone once its step is recorded or its run elsewhere."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="reservations")
    run_id = models.UUIDField(db_index=True)
    epoch = models.IntegerField()
    tokens = models.BigIntegerField()
    usd = models.DecimalField(max_digits=16, decimal_places=8)

    def __str__(self) -> str:
        return f"{self.tokens} tokens, {self.usd} USD"
