"""The versioned tree: contexts, their branches, versions, entries and labels."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from apps.accounts.models import WorkspaceModel
from apps.contexts.kinds import ContentType, EntryKind, Source, Trust

FOREVER: Final = 2**63 - 1
"""`valid_to` of an entry that no version has replaced yet."""

MAIN: Final = "main"


class Context(WorkspaceModel):
    """A node of the workspace's tree, named by its path (`support/acme/case-42`).

    `path` is stored beside `parent` in the C collation, so that a subtree is one range of the unique index.
    `last_version` numbers the versions of all branches of the context.
    """

    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=64)
    path = models.CharField(max_length=1024, db_collation="C")
    description = models.TextField(blank=True)
    last_version = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "path"], name="context_path_once")]

    def __str__(self) -> str:
        return self.path


class Branch(WorkspaceModel):
    """A line of versions. `head` is the number of its newest one, 0 while nothing is committed.

    A fork copies the rows that are valid at `forked_from` (a version's number); their content is shared by hash.
    """

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="branches")
    name = models.CharField(max_length=64, default=MAIN)
    head = models.PositiveBigIntegerField(default=0)
    forked_from = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "branches"
        constraints = [models.UniqueConstraint(fields=["context", "name"], name="branch_name_once")]

    def __str__(self) -> str:
        return self.name


class Version(WorkspaceModel):
    """One immutable commit. `number` counts per context over all branches; `parent` is 0 for a first one.

    `ancestor_branches` and `ancestor_numbers` say which versions of the contexts above it this version saw, nearest
    first: what a reader of an old version inherits does not change when an ancestor does, or when the tree is moved.
    """

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="versions")
    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveBigIntegerField()
    parent = models.PositiveBigIntegerField()
    message = models.TextField(blank=True)
    author = models.CharField(max_length=200)
    run_id = models.UUIDField(null=True, blank=True)
    step_n = models.PositiveIntegerField(null=True, blank=True)
    changes = models.PositiveIntegerField(help_text="How many entries this version added, changed or removed.")
    ancestor_branches = ArrayField(models.UUIDField(), default=list)
    ancestor_numbers = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["context", "number"], name="version_number_once"),
            models.CheckConstraint(condition=Q(number__gt=F("parent")), name="version_follows_its_parent"),
        ]

    def __str__(self) -> str:
        return f"{self.context_id}@{self.number}"


class Entry(WorkspaceModel):
    """A key's content in the versions `valid_from <= number < valid_to` of one branch.

    The bytes are in the blob under `digest`. A `hidden` entry has no content: it hides an ancestor's key. Only
    `valid_to` of a row ever changes, once, when a later version replaces or removes it.
    """

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="entries")
    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="entries")
    key = models.CharField(max_length=200, db_collation="C")
    title = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=16, choices=EntryKind)
    source = models.CharField(max_length=16, choices=Source)
    content_type = models.CharField(max_length=16, choices=ContentType)
    digest = models.BinaryField(max_length=32)
    size = models.PositiveIntegerField(help_text="Bytes of the content.")
    summary = models.TextField(blank=True)
    summary_digest = models.BinaryField(max_length=32, null=True, help_text="SHA-256 of the summary, if there is one.")
    hidden = models.BooleanField(default=False)
    priority = models.SmallIntegerField(default=0)
    pinned = models.BooleanField(default=False)
    trust = models.CharField(max_length=8, choices=Trust, default=Trust.NORMAL)
    expires_at = models.DateTimeField(null=True, blank=True)
    tokens = models.JSONField(default=dict, help_text="Token counts of the printed content, by tokenizer.")
    provenance = models.JSONField(default=dict)
    document_id = models.UUIDField(null=True, blank=True)
    valid_from = models.PositiveBigIntegerField()
    valid_to = models.PositiveBigIntegerField(default=FOREVER)

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["branch", "key", "valid_from"], name="entry_once_per_version"),
            models.UniqueConstraint(fields=["branch", "key"], condition=Q(valid_to=FOREVER), name="entry_once_at_head"),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="entry_range_is_not_empty"),
        ]
        indexes = [
            models.Index(fields=["branch", "valid_to", "valid_from"], name="entry_validity"),
            models.Index(fields=["workspace", "digest"], name="entry_content"),
            models.Index(
                fields=["workspace", "summary_digest"],
                condition=Q(summary_digest__isnull=False),
                name="entry_summary",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Label(WorkspaceModel):
    """A movable name for a version (`production`). A protected one moves only at the hand of who may manage it."""

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=64)
    version = models.ForeignKey(Version, on_delete=models.RESTRICT, related_name="labels")
    protected = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["context", "name"], name="context_label_once")]

    def __str__(self) -> str:
        return self.name
