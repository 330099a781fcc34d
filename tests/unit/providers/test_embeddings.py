"""Embedders give unit vectors of float32, the same for the same text whatever stands beside it."""

import numpy as np
import pytest

from apps.providers.embeddings import Embedder, get_embedder
from apps.providers.embeddings import minilm as minilm_module
from apps.providers.exceptions import EmbeddingWeightsMissing, UnknownEmbedder

TEXTS = ["A man is eating food.", "", "Ein Hund läuft.", "word " * 2000, "\ud800 odd \x00", "日本語"]


@pytest.fixture(params=["minilm", "hash"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return get_embedder(request.param)


def test_it_works(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions) == (6, 384)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    empty = lengths == 0
    assert np.allclose(lengths[~empty], 1, atol=1e-5)
    assert list(np.flatnonzero(empty)) in ([], [1])


def test_nothing_embeds_to_nothing(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_a_text_alone_and_among_others_is_the_same(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-5


def test_an_embedder_is_made_once(embedder: Embedder) -> None:
    assert get_embedder(embedder.name) is embedder


@pytest.mark.parametrize(
    ("one", "other", "cosine"),
    [
        ("A man is eating food.", "A man is eating a piece of bread.", 0.7553),
        ("A man is eating food.", "A man is riding a horse.", 0.2474),
        ("A monkey is playing drums.", "Someone in a gorilla costume is playing a set of drums.", 0.6433),
        ("A man is riding a horse.", "A man is riding a white horse on an enclosed ground.", 0.7369),
    ],
)
def test_minilm_matches_the_reference_implementation(one: str, other: str, cosine: float) -> None:
    vectors = get_embedder("minilm").embed([one, other])
    assert float(vectors[0] @ vectors[1]) == pytest.approx(cosine, abs=2e-4)


def test_minilm_batches_are_by_length_and_keep_the_order() -> None:
    texts = [f"{'very ' * (n % 37)}long text number {n}" for n in range(150)]
    vectors = get_embedder("minilm").embed(texts)
    assert np.abs(vectors[77] - get_embedder("minilm").embed([texts[77]])[0]).max() < 1e-5


def test_hashing_is_pinned_because_its_vectors_are_stored() -> None:
    vector = get_embedder("hash").embed(["lease and epoch"])[0]
    assert [(int(n), round(float(vector[n]), 4)) for n in np.argsort(-np.abs(vector), kind="stable")[:3]] == [
        (17, 0.5952),
        (4, 0.4579),
        (58, 0.4579),
    ]


def test_hashing_sees_shared_words() -> None:
    question, near, far = get_embedder("hash").embed(["renew a lease", "the lease is renewed", "bread and butter"])
    assert float(question @ near) > 0.3
    assert abs(float(question @ far)) < 0.1


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownEmbedder) as caught:
        get_embedder("ada")
    assert caught.value.code == "unknown_embedding_model"


def test_missing_weights_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm_module, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(EmbeddingWeightsMissing) as caught:
        minilm_module.load()
    assert caught.value.code == "embedding_weights_missing"
