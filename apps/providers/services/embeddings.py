"""Rows of embedding models: the platform's own, and those of a workspace's providers."""

from apps.providers.embeddings.registry import EMBEDDED
from apps.providers.exceptions import UnknownEmbedder
from apps.providers.kinds import EmbeddingKind, ProviderKind
from apps.providers.models import EmbeddingModel, Provider

_WITHOUT_EMBEDDINGS = frozenset({ProviderKind.ANTHROPIC, ProviderKind.SCRIPTED})


def sync_embedding_models() -> None:
    """Write the embedded models' rows, which every workspace sees."""
    for name, dimensions in EMBEDDED.items():
        EmbeddingModel.objects.get_or_create(
            workspace=None, name=name, defaults={"kind": EmbeddingKind(name), "dimensions": dimensions}
        )


def create_embedding_model(provider: Provider, *, name: str, dimensions: int) -> EmbeddingModel:
    """A provider's embedding model in its workspace. Raises ValidationError, UnknownEmbedder."""
    if provider.kind in _WITHOUT_EMBEDDINGS:
        raise UnknownEmbedder(f"Providers of kind {provider.kind!r} have no embedding models.")
    model = EmbeddingModel(
        workspace_id=provider.workspace_id,
        provider=provider,
        kind=EmbeddingKind.PROVIDER,
        name=name,
        dimensions=dimensions,
    )
    model.full_clean()
    model.save()
    return model
