"""What a run did: steps recorded once, events in order, and the effects of its tools."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import WorkspaceModel
from apps.runs.models.references import reference_index
from apps.runs.models.run import Run
from apps.runs.states import EffectState, EventType, StepKind


class Step(models.Model):
    """A recorded unit of work: inserted once, never updated.

    `key` names the unit for replay (operation, run step and tool call). `result` is JSON bytes; a replay returns it
    instead of calling again. `manifest` says, for a model call, what context was in the prompt and why.
    """

    pk = models.CompositePrimaryKey("run_id", "n")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps", db_index=False)
    n = models.IntegerField()
    key = models.CharField(max_length=300)
    kind = models.CharField(max_length=8, choices=[(k, k) for k in StepKind])
    name = models.CharField(max_length=200)
    tool_call_id = models.CharField(max_length=200, blank=True, default="")
    epoch = models.IntegerField()
    digest = models.BinaryField(help_text="SHA-256 over what identifies the unit's request.")
    request = models.BinaryField(null=True)
    result = models.BinaryField(null=True)
    manifest = models.BinaryField(null=True)
    error_code = models.CharField(max_length=60, blank=True, default="")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_default=Now())
    first_token_ms = models.IntegerField(null=True)
    input_tokens = models.IntegerField(default=0)
    output_tokens = models.IntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)

    class Meta:
        ordering = ["run_id", "n"]
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="step_recorded_once")]
        indexes = [reference_index(column, f"step_{column}_apart") for column in ("request", "result", "manifest")]

    def __str__(self) -> str:
        return f"{self.n}. {self.name}"


class Event(models.Model):
    """One line of a run's history, numbered under the run's row lock; `seq` is the SSE id."""

    pk = models.CompositePrimaryKey("run_id", "seq")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events", db_index=False)
    seq = models.BigIntegerField()
    type = models.CharField(max_length=40, choices=[(t, t) for t in EventType])
    step_n = models.IntegerField(null=True)
    data = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["run_id", "seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"


class Effect(WorkspaceModel):
    """The ledger of tool calls that change the world: the intent is committed before the call.

    `intent_id` tells one try of a call from the next, so that a repeat of the statement knows its own. `result` is what
    is known without the call's step: what the tool left with its own writes, or what a person or a check found out; the
    result of a call that came back is in its step.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="effects", db_index=False)
    key = models.CharField(max_length=300)
    tool = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=[(s, s) for s in EffectState], default=EffectState.INTENT)
    epoch = models.IntegerField()
    intent_id = models.UUIDField(null=True)
    digest = models.BinaryField()
    arguments = models.BinaryField(null=True)
    result = models.BinaryField(null=True)
    late_result = models.BinaryField(null=True, help_text="What a process brought that had lost the run by then.")
    settled_at = models.DateTimeField(null=True)
    decided_by_kind = models.CharField(max_length=20, blank=True, default="")
    decided_by_id = models.UUIDField(null=True)
    note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="effect_of_one_step")]
        indexes = [
            models.Index(
                fields=["workspace", "-id"],
                name="effect_undecided",
                condition=Q(state=EffectState.OUTCOME_UNKNOWN, settled_at__isnull=True),
            ),
            *(reference_index(column, f"effect_{column}_apart") for column in ("arguments", "result", "late_result")),
        ]

    def __str__(self) -> str:
        return f"{self.tool} ({self.state})"
