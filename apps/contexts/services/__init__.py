"""Every write to the tree, one file for each group of verbs."""

from apps.contexts.services.commits import commit_entries
from apps.contexts.services.labels import delete_label, set_label
from apps.contexts.services.notes import write_note
from apps.contexts.services.tree import create_context, delete_context, describe_context, ensure_context, move_context

__all__ = [
    "commit_entries",
    "create_context",
    "delete_context",
    "delete_label",
    "describe_context",
    "ensure_context",
    "move_context",
    "set_label",
    "write_note",
]
