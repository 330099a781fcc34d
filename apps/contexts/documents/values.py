"""Values that pass between the API, the services and the workers of the ingest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32] | Sequence[float]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came. `name` is its identity in the context; without a title the text gives one."""

    name: str
    data: bytes
    media_type: str = "text/plain"
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk before it is stored: `text` is the document's characters `start` to `end`."""

    start: int
    end: int
    heading: str
    text: str
    digest: bytes
    tokens: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be published, with one vector for each passage, in their order."""

    title: str
    text: str
    passages: tuple[Passage, ...]
    vectors: tuple[Vector, ...]
