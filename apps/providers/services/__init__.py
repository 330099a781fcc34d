"""Every write of providers, and the test of a connection."""

from apps.providers.services.connection import ConnectionReport, test_connection
from apps.providers.services.embeddings import create_embedding_model, sync_embedding_models
from apps.providers.services.language_models import create_model, delete_model, update_model
from apps.providers.services.providers import (
    clear_credentials,
    create_provider,
    delete_provider,
    rotate_credentials,
    set_credentials,
    update_provider,
)

__all__ = [
    "ConnectionReport",
    "clear_credentials",
    "create_embedding_model",
    "create_model",
    "create_provider",
    "delete_model",
    "delete_provider",
    "rotate_credentials",
    "set_credentials",
    "sync_embedding_models",
    "test_connection",
    "update_model",
    "update_provider",
]
