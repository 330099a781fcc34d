"""Contexts, documents and ingest jobs in the admin."""

from apps.contexts.admin.contexts import ContextAdmin
from apps.contexts.admin.documents import DocumentAdmin
from apps.contexts.admin.entries import EntryAdmin
from apps.contexts.admin.jobs import IngestJobAdmin

__all__ = ["ContextAdmin", "DocumentAdmin", "EntryAdmin", "IngestJobAdmin"]
