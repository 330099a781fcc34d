"""A conversation and one agent's work in it."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from apps.accounts.models import Workspace, WorkspaceModel
from apps.agents.models import Agent, AgentVersion
from apps.runs.models.batch import Batch
from apps.runs.models.references import reference_index
from apps.runs.models.schedule import Schedule
from apps.runs.states import ACTIVE, TERMINAL, RunStatus, StopReason

NO_KEY = UUID(int=0)
"""The API key of a run that none asked for: the lanes of the queue compare keys, which NULL would not allow."""

RUNNABLE = models.Q(status=RunStatus.QUEUED, held=False, quarantined=False)


class Thread(WorkspaceModel):
    """A conversation: its runs see each other's messages and never run at the same time.

    A fork begins with a copy of what another thread had said, up to and with its run `forked_at`; see `Turn`.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    title = models.CharField(max_length=200, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    forked_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="forks", db_index=False
    )
    forked_at = models.UUIDField(null=True, blank=True, help_text="The last run that was copied; null is none.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="thread_of_workspace"),
            models.Index(fields=["forked_from"], name="thread_forks", condition=models.Q(forked_from__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)


class Turn(models.Model):
    """What a thread had been told before it was forked: the messages of one run, copied, in order of `n`."""

    pk = models.CompositePrimaryKey("thread_id", "n")
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="turns", db_index=False)
    n = models.IntegerField()
    run_id = models.UUIDField(help_text="The run that said it; it may be erased by now.")
    messages = models.BinaryField()

    class Meta:
        ordering = ["thread_id", "n"]
        indexes = [reference_index("messages", "turn_messages_apart")]

    def __str__(self) -> str:
        return f"{self.thread_id} {self.n}"


class Run(WorkspaceModel):
    """One agent version at work on one input.

    The row is narrow and hot: every recorded step updates its counters under the row's lock. `input`, `output` and
    `messages` are JSON bytes, because jsonb refuses NUL and lone surrogates. `lease_epoch` fences writers: only the
    process that got the present epoch from its claim may record. `held` runs wait behind another run of their thread;
    `quarantined` ones are taken only by the process that runs one at a time.

    A foreign key has no index of its own where one of `Meta` begins with it. No index may be for running runs alone:
    when the statistics know of few, the planner would walk it to find the one that a statement names by its id.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="runs", db_index=False)
    agent_version = models.ForeignKey(AgentVersion, on_delete=models.PROTECT, related_name="runs")
    thread = models.ForeignKey(
        Thread, null=True, blank=True, on_delete=models.PROTECT, related_name="runs", db_index=False
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children", db_index=False
    )
    batch = models.ForeignKey(
        Batch, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs", db_index=False
    )
    schedule = models.ForeignKey(
        Schedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs", db_index=False
    )
    rerun_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reruns", db_index=False
    )
    rerun_from = models.IntegerField(null=True, blank=True, help_text="The original's first step that is run anew.")

    status = models.CharField(max_length=12, choices=[(s, s) for s in RunStatus], default=RunStatus.QUEUED)
    stop_reason = models.CharField(max_length=20, choices=[(s, s) for s in StopReason], blank=True, default="")
    error_code = models.CharField(max_length=60, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")

    attempt = models.IntegerField(default=0, help_text="How often a worker has claimed the run.")
    crashes = models.IntegerField(default=0, help_text="Workers lost since the last recorded step.")
    lease_epoch = models.IntegerField(default=0)
    worker_id = models.UUIDField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.CharField(
        max_length=20, blank=True, default="", help_text="How a newer run of its thread wants it out of the way."
    )
    held = models.BooleanField(default=False, help_text="Behind another run of its thread.")
    quarantined = models.BooleanField(default=False, help_text="After repeated crashes: executed alone.")
    next_wake_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)

    streaming = models.BooleanField(default=False)
    input = models.BinaryField()
    attachments = models.JSONField(default=list, blank=True)
    output = models.BinaryField(null=True)
    messages = models.BinaryField(null=True)
    limits = models.JSONField(default=dict, blank=True)
    account_ids = ArrayField(models.UUIDField(), default=list, blank=True, help_text="Budgets of its ancestors.")
    metadata = models.JSONField(default=dict, blank=True)
    context_versions = models.JSONField(default=dict, blank=True)

    event_seq = models.BigIntegerField(default=0)
    step_count = models.IntegerField(default=0)
    model_calls = models.IntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)

    created_by_kind = models.CharField(max_length=20, blank=True, default="")
    created_by_id = models.UUIDField(null=True, blank=True)
    api_key_id = models.UUIDField(default=NO_KEY, editable=False)
    request_id = models.CharField(max_length=128, blank=True, default="")
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    payloads_removed_at = models.DateTimeField(null=True, blank=True, help_text="When retention took its payloads.")
    announced_at = models.DateTimeField(null=True, blank=True, help_text="When completion hooks had run.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="run_of_workspace"),
            models.Index(fields=["workspace", "status", "-id"], name="run_by_status"),
            models.Index(fields=["agent", "-id"], name="run_of_agent"),
            models.Index(fields=["thread", "-id"], name="run_of_thread", condition=models.Q(thread__isnull=False)),
            models.Index(fields=["workspace", "agent", "api_key_id", "id"], name="run_runnable", condition=RUNNABLE),
            models.Index(
                fields=["id"],
                name="run_quarantined",
                condition=models.Q(status=RunStatus.QUEUED, held=False, quarantined=True),
            ),
            models.Index(fields=["thread", "id"], name="run_held_back", condition=models.Q(held=True)),
            models.Index(fields=["parent"], name="run_of_parent", condition=models.Q(parent__isnull=False)),
            models.Index(fields=["batch", "status"], name="run_of_batch", condition=models.Q(batch__isnull=False)),
            models.Index(
                fields=["schedule", "-id"], name="run_of_schedule", condition=models.Q(schedule__isnull=False)
            ),
            models.Index(fields=["rerun_of"], name="run_of_original", condition=models.Q(rerun_of__isnull=False)),
            models.Index(fields=["worker_id"], name="run_held", condition=models.Q(worker_id__isnull=False)),
            models.Index(
                fields=["finished_at"],
                name="run_unannounced",
                condition=models.Q(announced_at__isnull=True, status__in=sorted(TERMINAL)),
            ),
            GinIndex(
                fields=["metadata"],
                name="run_metadata",
                opclasses=["jsonb_path_ops"],
                condition=~models.Q(metadata={}),
            ),
            GinIndex(
                fields=["attachments"],
                name="run_attachments",
                opclasses=["jsonb_path_ops"],
                condition=~models.Q(attachments=[]),
            ),
            models.Index(
                fields=["workspace", "id"],
                name="run_with_payloads",
                condition=models.Q(payloads_removed_at__isnull=True),
            ),
            *(reference_index(column, f"run_{column}_apart") for column in ("input", "output", "messages")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["thread"],
                name="one_active_run_per_thread",
                condition=models.Q(status__in=sorted(ACTIVE), thread__isnull=False, held=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
