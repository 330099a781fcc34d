"""What a run waits for without holding a worker, and what people decided about it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import WorkspaceModel
from apps.core.models import IdentifiedModel
from apps.runs.models.references import reference_index
from apps.runs.models.run import Run
from apps.runs.states import OnDue, Verdict, WaitKind, WaitState


class Wait(WorkspaceModel):
    """One deferred tool call of a run: an approval, a question, a timer, a child run, or an event from outside.

    `arguments` are as the model gave them. `digest` is the SHA-256 of the tool's name and of the arguments that are to
    be decided on, which somebody may have edited: a decision about others is refused. The run goes on when all waits of
    its turn are resolved. `result` is JSON bytes, an `apps.runs.waiting.Result`.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="waits", db_index=False)
    kind = models.CharField(max_length=10, choices=[(k, k) for k in WaitKind])
    state = models.CharField(max_length=10, choices=[(s, s) for s in WaitState], default=WaitState.OPEN)
    run_step = models.IntegerField()
    tool_call_id = models.CharField(max_length=200)
    tool = models.CharField(max_length=200)
    prompt = models.TextField(blank=True, default="")
    arguments = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    answer_schema = models.JSONField(null=True, blank=True)
    result = models.BinaryField(null=True)

    assignee_id = models.UUIDField(null=True, blank=True, help_text="The only user who may decide.")
    role = models.CharField(max_length=20, blank=True, default="", help_text="The lowest role that may decide.")
    needed = models.PositiveSmallIntegerField(default=1, help_text="How many people must approve.")
    services = models.BooleanField(default=False, help_text="Whether approvals of service accounts count.")
    due_at = models.DateTimeField(null=True, blank=True)
    on_due = models.CharField(max_length=10, choices=[(d, d) for d in OnDue], default=OnDue.REJECT)
    escalate_role = models.CharField(max_length=20, blank=True, default="")
    token_digest = models.BinaryField(max_length=32, null=True, help_text="SHA-256 of the token that resolves it.")
    child = models.ForeignKey(Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="awaited_by")

    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "run_step", "tool_call_id", "kind"], name="wait_of_one_call"),
            models.UniqueConstraint(
                fields=["token_digest"], name="wait_token_once", condition=Q(token_digest__isnull=False)
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "kind", "-id"], name="wait_inbox", condition=Q(state=WaitState.OPEN)),
            models.Index(fields=["due_at"], name="wait_due", condition=Q(state=WaitState.OPEN, due_at__isnull=False)),
            models.Index(fields=["id"], name="wait_for_child", condition=Q(state=WaitState.OPEN, kind=WaitKind.CHILD)),
            *(reference_index(column, f"wait_{column}_apart") for column in ("arguments", "result")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.tool} ({self.state})"


class Decision(IdentifiedModel):
    """One person's word on an approval or a question; never changed.

    `digest` says which arguments it is about: an approval of others, before somebody edited them, no longer counts.
    """

    wait = models.ForeignKey(Wait, on_delete=models.CASCADE, related_name="decisions", db_index=False)
    verdict = models.CharField(max_length=10, choices=[(v, v) for v in Verdict])
    digest = models.BinaryField(max_length=32)
    arguments = models.BinaryField(null=True, help_text="JSON bytes: the call's arguments as edited by who approved.")
    note = models.TextField(blank=True, default="")
    decided_by_kind = models.CharField(max_length=20)
    decided_by_id = models.UUIDField()
    decided_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        indexes = [reference_index("arguments", "decision_arguments_apart")]
        constraints = [
            models.UniqueConstraint(
                fields=["wait", "decided_by_kind", "decided_by_id", "digest"], name="one_word_each"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.decided_by_kind} {self.decided_by_id}"
