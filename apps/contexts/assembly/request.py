"""What an assembly is asked for."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from apps.contexts.assembly.manifest import Manifest
from apps.providers.kinds import Tokenizer

PASSAGES: Final = 8


@dataclass(frozen=True, slots=True)
class Mount:
    """A context in the prompt, read at its newest version when none is named.

    `share` (0 to 1) caps its part of the budget; 0 leaves it open. What an agent may `write` changes while it runs, and
    so stands in the tail.
    """

    context_id: uuid.UUID
    version: int | None = None
    access: Literal["read", "write"] = "read"
    share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyRequest:
    """One prompt to fill.

    `budget_tokens` covers everything, `history_tokens` of which other messages take. `frozen` holds the versions at
    which inherited contexts are read (`selectors.head_versions`). Up to `passages` are searched for `query`; `question`
    is printed last. `previous` is the manifest of the step before, whose beginning the new one then need not repeat.
    """

    workspace_id: uuid.UUID
    budget_tokens: int
    tokenizer: str = Tokenizer.O200K
    mounts: tuple[Mount, ...] = ()
    frozen: Mapping[uuid.UUID, int] = field(default_factory=dict)
    instructions: str = ""
    query: str = ""
    question: str = ""
    history_tokens: int = 0
    passages: int = PASSAGES
    previous: Manifest | None = None
