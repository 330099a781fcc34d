"""After a migration the embedded embedding models have their rows."""

from typing import Any

from django.db import connections

from apps.providers.models import EmbeddingModel
from apps.providers.services.embeddings import sync_embedding_models


def sync_after_migrate(using: str, **kwargs: Any) -> None:
    """Write the rows, unless this migration left the app without its tables (`migrate providers zero`)."""
    if EmbeddingModel._meta.db_table in connections[using].introspection.table_names():
        sync_embedding_models()
