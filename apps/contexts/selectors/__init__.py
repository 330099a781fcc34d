"""Reads of the tree: contexts, their versions, and the entries that are visible at a version."""

from apps.contexts.selectors.contents import kept_contents
from apps.contexts.selectors.places import head_pins, head_versions, mounted_pins, pins_of, version_pins
from apps.contexts.selectors.tree import context_by_id, context_by_path, reachable
from apps.contexts.selectors.versions import head_number, version_of
from apps.contexts.selectors.visible import (
    effective_entries,
    effective_rows,
    entry_content,
    entry_written,
    visible_entries,
)

__all__ = [
    "context_by_id",
    "context_by_path",
    "effective_entries",
    "effective_rows",
    "entry_content",
    "entry_written",
    "head_number",
    "head_pins",
    "head_versions",
    "kept_contents",
    "mounted_pins",
    "pins_of",
    "reachable",
    "version_of",
    "version_pins",
    "visible_entries",
]
