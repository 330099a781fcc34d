"""Embedders: text in, unit vectors out. `get_embedder` finds the embedded ones by name."""

from apps.providers.embeddings.base import Embedder
from apps.providers.embeddings.registry import get_embedder

__all__ = ["Embedder", "get_embedder"]
