"""The embedded embedders, one of each per process."""

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Final

from apps.providers.embeddings import minilm
from apps.providers.embeddings.base import Embedder
from apps.providers.embeddings.hashing import HashEmbedder
from apps.providers.exceptions import UnknownEmbedder

EMBEDDED: Final = {"minilm": minilm.MiniLMEmbedder.dimensions, HashEmbedder.name: HashEmbedder.dimensions}
_MAKERS: Final[dict[str, Callable[[], Embedder]]] = {"minilm": minilm.load, "hash": HashEmbedder}
_LOADING: Final = Lock()


def get_embedder(name: str) -> Embedder:
    """The embedder `minilm` or `hash`, loaded once per process.

    Raises UnknownEmbedder, or EmbeddingWeightsMissing when the weights' package is not installed.
    """
    with _LOADING:
        return _made(name)


@cache
def _made(name: str) -> Embedder:
    if name not in _MAKERS:
        raise UnknownEmbedder(f"There is no embedded embedding model {name!r}; choose from {', '.join(_MAKERS)}.")
    return _MAKERS[name]()
