"""Model providers, their language models, and embedding models."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models

from apps.accounts.models import WorkspaceModel
from apps.core.models import IdentifiedModel
from apps.providers.kinds import EmbeddingKind, ProviderKind, Tokenizer


class Provider(WorkspaceModel):
    """A place that answers model requests: an address, a protocol, credentials and limits.

    `credentials` is ciphertext (see `credentials.py`); only the hint (last characters) and the fingerprint are shown.
    """

    slug = models.SlugField(max_length=64)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=24, choices=ProviderKind)
    base_url = models.CharField(max_length=500, blank=True)
    credentials = models.TextField(blank=True, editable=False)
    credentials_hint = models.CharField(max_length=8, blank=True, editable=False)
    credentials_fingerprint = models.CharField(max_length=16, blank=True, editable=False)
    settings = models.JSONField(default=dict, blank=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    timeout_s = models.FloatField(default=120.0, validators=[MinValueValidator(0.1)])
    enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="provider_slug_unique"),
            models.CheckConstraint(condition=models.Q(timeout_s__gt=0), name="provider_timeout_positive"),
        ]

    def __str__(self) -> str:
        return self.slug


class LanguageModel(WorkspaceModel):
    """One model of a provider, written `provider-slug:model-name`.

    Prices are USD per million tokens and override the published ones. `script` belongs to scripted providers only
    (see `scripted.py`). `fallback` answers when this model's provider gave up with a passing trouble.
    """

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=200)
    context_window = models.PositiveIntegerField(default=128_000, validators=[MinValueValidator(1)])
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    tokenizer = models.CharField(max_length=24, choices=Tokenizer, default=Tokenizer.O200K)
    input_price = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    output_price = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    settings = models.JSONField(default=dict, blank=True)
    script = models.JSONField(null=True, blank=True)
    fallback = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="stands_in_for")
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="language_model_name_unique")]

    def __str__(self) -> str:
        return f"{self.provider.slug}:{self.name}"


class EmbeddingModel(IdentifiedModel):
    """A model that turns text into vectors; without a workspace it belongs to the platform."""

    workspace_lookup: ClassVar[str] = "workspace"

    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, null=True, blank=True)
    kind = models.CharField(max_length=16, choices=EmbeddingKind)
    name = models.CharField(max_length=200)
    dimensions = models.PositiveIntegerField(validators=[MinValueValidator(1)])

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="embedding_model_name_unique", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(kind="provider", provider__isnull=False)
                | models.Q(~models.Q(kind="provider"), provider__isnull=True),
                name="embedding_model_provider_matches_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.name
