"""The tables of contexts: the versioned tree, and the documents with their chunks."""

from apps.contexts.models.documents import Chunk, Document, DocumentRevision, IngestItem, IngestJob
from apps.contexts.models.tree import FOREVER, Branch, Context, Entry, Label, Version

__all__ = [
    "FOREVER",
    "Branch",
    "Chunk",
    "Context",
    "Document",
    "DocumentRevision",
    "Entry",
    "IngestItem",
    "IngestJob",
    "Label",
    "Version",
]
