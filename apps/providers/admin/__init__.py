"""Providers and their models in the admin."""

from apps.providers.admin.models import EmbeddingModelAdmin, LanguageModelAdmin
from apps.providers.admin.providers import ProviderAdmin

__all__ = ["EmbeddingModelAdmin", "LanguageModelAdmin", "ProviderAdmin"]
