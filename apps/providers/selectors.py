"""Reads of providers and models."""

from uuid import UUID

from django.db.models import Q, QuerySet

from apps.core.exceptions import NotFound
from apps.providers.models import EmbeddingModel, LanguageModel, Provider


def models_with_fallbacks() -> QuerySet[LanguageModel]:
    """Language models with all that `factory.build_model` needs, in one query."""
    return LanguageModel.objects.select_related("provider", "fallback__provider", "fallback__fallback__provider")


def provider_by_slug(workspace_id: UUID, slug: str) -> Provider:
    """Raises NotFound (`provider_not_found`)."""
    provider = Provider.objects.filter(workspace_id=workspace_id, slug=slug).first()
    if provider is None:
        raise NotFound(f"There is no provider {slug!r} in this workspace.", code="provider_not_found")
    return provider


def model_by_name(workspace_id: UUID, written: str) -> LanguageModel:
    """The model written `provider-slug:model-name`, with its fallbacks. Raises NotFound."""
    slug, _, name = written.partition(":")
    rows = models_with_fallbacks().filter(workspace_id=workspace_id, provider__slug=slug, name=name)
    model = rows.first()
    if model is None:
        raise NotFound(f"There is no model {written!r} in this workspace.", code="language_model_not_found")
    return model


def embedding_model_by_name(workspace_id: UUID, name: str) -> EmbeddingModel:
    """The workspace's embedding model, else the platform's. Raises NotFound (`embedding_model_not_found`)."""
    rows = EmbeddingModel.objects.select_related("provider").filter(name=name)
    rows = rows.filter(Q(workspace_id=workspace_id) | Q(workspace=None)).order_by("workspace_id")
    model = rows.first()  # PostgreSQL sorts null last
    if model is None:
        raise NotFound(f"There is no embedding model {name!r} in this workspace.", code="embedding_model_not_found")
    return model
