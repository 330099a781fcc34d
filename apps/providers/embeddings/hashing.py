"""Feature hashing: vectors from words and character n-grams alone, the same on every machine, in no time.

Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009): each feature adds its weight, with a
sign from the hash, to one of the dimensions. It knows no meaning, only shared spelling: for tests and as a last resort.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from math import sqrt
from typing import Final

import numpy as np

from apps.providers.embeddings.base import Vectors, normalised

_WORD: Final = re.compile(r"\w+")
_GRAM: Final = 3
_GRAM_WEIGHT: Final = 0.3


class HashEmbedder:
    """384 dimensions of hashed words and character trigrams, damped by the square root of their counts."""

    name = "hash"
    dimensions = 384

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for (feature, weight), count in Counter(_features(text)).items():
                position, sign = _place(feature, self.dimensions)
                vector[position] += sign * weight * sqrt(count)
        return normalised(vectors)


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in _WORD.findall(text.lower()):
        yield word, 1.0
        framed = f"<{word}>"
        for start in range(len(framed) - _GRAM + 1):
            yield framed[start : start + _GRAM], _GRAM_WEIGHT


def _place(feature: str, dimensions: int) -> tuple[int, int]:
    digest = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return (digest >> 1) % dimensions, 1 if digest & 1 else -1
