"""Candidates made up for tests."""

import hashlib
from typing import Any

from hypothesis import strategies as st

from apps.contexts.assembly.candidates import Candidate, Layer
from apps.contexts.assembly.counting import counter
from apps.contexts.assembly.printing import body
from apps.contexts.kinds import Source

count = counter("o200k_base")


def candidate(
    name: str, text: str, *, source: Source = Source.USER, layer: Layer = Layer.SLOW, **fields: Any
) -> Candidate:
    """A candidate with the tokens and hashes of its text."""
    digest = hashlib.sha256(text.encode()).digest()
    return Candidate(
        ref=f"ctx:{name}@1#{name}",
        order=name,
        source=source,
        layer=layer,
        title=fields.pop("title", name),
        text=text,
        digest=digest,
        content=digest,
        tokens=count(body(text)),
        **fields,
    )


_TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=120).filter(str.strip)
_ONE = st.builds(
    lambda text, source, layer, pinned, priority, score, group, summary, title: {
        "text": text,
        "source": source,
        "layer": layer,
        "pinned": pinned,
        "priority": priority,
        "score": score,
        "group": group,
        "summary": summary,
        "title": title,
    },
    _TEXTS,
    st.sampled_from(Source),
    st.sampled_from([layer for layer in Layer if layer is not Layer.QUESTION]),
    st.sampled_from([False, False, False, True]),
    st.integers(-3, 3),
    st.floats(0, 1),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "in short"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)


def candidates(max_size: int = 25) -> st.SearchStrategy[list[Candidate]]:
    """Lists of candidates with distinct names; texts may repeat."""
    return st.lists(_ONE, max_size=max_size).map(
        lambda rows: [candidate(f"n{n:03d}", **row) for n, row in enumerate(rows)]
    )
