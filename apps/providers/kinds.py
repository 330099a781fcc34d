"""What a provider, a tokenizer and an embedding model can be."""

from django.db import models


class ProviderKind(models.TextChoices):
    """The wire protocol that a provider speaks."""

    OPENAI_COMPATIBLE = "openai_compatible", "OpenAI-compatible"
    OPENAI = "openai", "OpenAI"
    ANTHROPIC = "anthropic", "Anthropic"
    GOOGLE = "google", "Google"
    BEDROCK = "bedrock", "Amazon Bedrock"
    LOCAL = "local", "Embedded local model"
    SCRIPTED = "scripted", "Scripted"


class Tokenizer(models.TextChoices):
    """How tokens are counted: exactly, or by a declared estimate."""

    O200K = "o200k_base", "o200k (exact)"
    CL100K = "cl100k_base", "cl100k (exact)"
    ESTIMATE = "estimate", "Estimate"


class EmbeddingKind(models.TextChoices):
    """Where vectors come from."""

    MINILM = "minilm", "MiniLM (embedded)"
    HASH = "hash", "Feature hashing (embedded)"
    PROVIDER = "provider", "A provider's API"
