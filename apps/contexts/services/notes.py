"""Notes that an agent writes into a memory context."""

import hashlib
import uuid
from typing import Final

from apps.contexts.changes import Author, Put
from apps.contexts.kinds import EntryKind, Source, Trust
from apps.contexts.models import Context, Version
from apps.contexts.services.commits import commit_entries

_AGENT: Final = "agent"


def write_note(
    context: Context,
    *,
    text: str,
    key: str | None = None,
    run_id: uuid.UUID | None = None,
    step_n: int | None = None,
    expected_version: int | None = None,
) -> Version:
    """Keep a text in the context's memory, in one commit. Raises InvalidChange, StaleVersion.

    Without a key the text's own hash names it, so that writing the same note again changes nothing: the call may be
    repeated after a crash.
    """
    name = key or f"note-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
    note = Put(name, text, kind=EntryKind.MEMORY, source=Source.AGENT, trust=Trust.LOW)
    author = Author(_AGENT, run_id, step_n)
    return commit_entries(context, [note], by=author, message=f"Note {name}", expected_version=expected_version)
