"""Vectors from a provider's API, through pydantic-ai's embedding models."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from pydantic_ai.embeddings.result import EmbedInputType

from apps.providers.clients import client_module, provider_http
from apps.providers.embeddings.base import Vectors, normalised
from apps.providers.exceptions import ProviderMalformed
from apps.providers.models import EmbeddingModel, Provider
from apps.providers.persistence import Persistence

_BATCH: Final = 96


class ProviderEmbedder:
    """A row's embedding model. Texts go in batches of 96; each batch is retried as model requests are."""

    def __init__(self, row: EmbeddingModel, provider: Provider, persistence: Persistence) -> None:
        self._row = row
        self._provider = provider
        self._persistence = persistence

    @property
    def name(self) -> str:
        return f"{self._provider.slug}:{self._row.name}"

    @property
    def dimensions(self) -> int:
        return self._row.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """As Embedder says. Not for async code, which awaits `aembed`. Raises ProviderError."""
        return asyncio.run(self.aembed(texts))

    async def aembed(self, texts: Sequence[str], *, input_type: EmbedInputType = "document") -> Vectors:
        """The vectors of the texts. Raises ProviderError."""
        rows: list[Any] = []
        async with provider_http(self._provider) as http:
            model = client_module(self._provider.kind).embedding_model(self._provider, self._row.name, http)
            for batch in _batches(texts):
                result = await self._persistence.send(partial(model.embed, batch, input_type=input_type))
                rows.extend(result.embeddings)
        return self._checked(np.array(rows, dtype=np.float32).reshape(len(texts), -1))

    def _checked(self, vectors: Vectors) -> Vectors:
        if len(vectors) and vectors.shape[1] != self.dimensions:
            raise ProviderMalformed(
                f"The embedding model {self.name} gave {vectors.shape[1]} dimensions instead of {self.dimensions}.",
                provider=self._provider.slug,
                model=self._row.name,
            )
        return normalised(vectors)


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _BATCH):
        yield texts[start : start + _BATCH]
