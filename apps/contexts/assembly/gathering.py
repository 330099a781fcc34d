"""Collecting the candidates of a prompt: the part of an assembly that reads the database.

Without mounts there is no query. With mounts there are four or five for the entries of all of them, and three for the
passages when there is something to search for.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from apps.contexts.assembly.candidates import Candidate, Layer
from apps.contexts.assembly.counting import counter
from apps.contexts.assembly.printing import body, text_digest, utf8
from apps.contexts.assembly.request import AssemblyRequest, Mount
from apps.contexts.documents.recipe import CHUNK_TOKENIZER
from apps.contexts.entries import EntryView
from apps.contexts.kinds import Source
from apps.contexts.models import Context
from apps.contexts.paths import is_below
from apps.contexts.search import Hit, search
from apps.contexts.selectors import mounted_pins, visible_entries
from apps.core import blobs

_LAYERS = {
    ("read", True): Layer.PINNED,
    ("read", False): Layer.SLOW,
    ("write", True): Layer.MEMORY_PINNED,
    ("write", False): Layer.TAIL,
}


def gather(request: AssemblyRequest, now: datetime) -> list[Candidate]:
    """Everything that could be in the prompt. Raises ContextNotFound and VersionNotFound."""
    candidates = list(_spoken(request))
    if request.mounts:
        candidates += _entries(request, now)
        candidates += _passages(request)
    return candidates


def _spoken(request: AssemblyRequest) -> Iterator[Candidate]:
    """The instructions and the question: always in, and in no blob."""
    count = counter(request.tokenizer)
    spoken = (
        ("instructions", request.instructions, Layer.INSTRUCTIONS, Source.SYSTEM),
        ("question", request.question, Layer.QUESTION, Source.USER),
    )
    for name, text, layer, source in spoken:
        if text.strip():
            digest = text_digest(text)
            # Not the plain digest: a question that repeats an entry's words is no duplicate of it.
            content = name.encode() + digest
            yield Candidate(
                name, name, source, layer, name, utf8(text), digest, content, count(body(text)), pinned=True
            )


def _entries(request: AssemblyRequest, now: datetime) -> list[Candidate]:
    pins = mounted_pins(request.workspace_id, {m.context_id: m.version for m in request.mounts}, request.frozen)
    mounts = {mount.context_id: mount for mount in request.mounts}
    views = _once(visible_entries(pins))
    # Content that could not be printed anyway stays where it is: only its stub can go in.
    printable = {view.digest for _, view in views if _may_be_printed(view, request)}
    texts = blobs.load_many(request.workspace_id, printable) if printable else {}
    return [_entry(view, mounts[mount], texts, request, now) for mount, view in views]


def _once(visible: Mapping[uuid.UUID, Iterable[EntryView]]) -> list[tuple[uuid.UUID, EntryView]]:
    """Each entry under the first mount that sees it."""
    first: dict[uuid.UUID, tuple[uuid.UUID, EntryView]] = {}
    for mount, views in visible.items():
        for view in views:
            first.setdefault(view.id, (mount, view))
    return list(first.values())


def _may_be_printed(view: EntryView, request: AssemblyRequest) -> bool:
    return view.pinned or view.tokens.get(request.tokenizer, 0) <= request.budget_tokens


def _entry(
    view: EntryView,
    mount: Mount,
    texts: Mapping[bytes, bytes],
    request: AssemblyRequest,
    now: datetime,
) -> Candidate:
    stored = texts.get(view.digest)
    text = None if stored is None else stored.decode()
    tokens = view.tokens.get(request.tokenizer)
    return Candidate(
        ref=view.ref,
        order=f"{view.context_id}#{view.key}",
        source=Source(view.source),
        layer=_LAYERS[mount.access, view.pinned],
        title=view.title or view.key,
        text=text,
        digest=view.digest,
        content=view.digest,
        tokens=tokens if tokens is not None else counter(request.tokenizer)(body(text or "")),
        summary=view.summary,
        group=str(mount.context_id),
        version=view.valid_from,
        pinned=view.pinned,
        priority=view.priority,
        score=_recency(view.valid_from),
        omitted=_ruled_out(view, now),
    )


def _ruled_out(view: EntryView, now: datetime) -> str:
    if view.expires_at is not None and view.expires_at <= now:
        return "expired"
    return "" if view.size else "empty"


def _recency(version: int) -> float:
    """Between 0 and 1, higher for what was written later: of equal priority the newer goes first."""
    return version / (version + 1_000)


def _passages(request: AssemblyRequest) -> list[Candidate]:
    if not request.query.strip() or not request.passages:
        return []
    mounted = [mount.context_id for mount in request.mounts]
    hits = search(request.workspace_id, request.query, context_ids=mounted, limit=request.passages)
    groups = _groups(request, {hit.context_id for hit in hits})
    return [_passage(hit, groups.get(hit.context_id, ""), request.tokenizer) for hit in hits]


def _passage(hit: Hit, group: str, tokenizer: str) -> Candidate:
    exact = hit.tokens if tokenizer == CHUNK_TOKENIZER else counter(tokenizer)(body(hit.text))
    return Candidate(
        ref=hit.ref,
        order=f"{hit.document_id}:{hit.start:012d}",
        source=Source.RETRIEVAL,
        layer=Layer.TAIL,
        title=hit.heading or hit.document_title,
        text=hit.text,
        digest=hit.text_digest,
        content=text_digest(hit.text),
        tokens=exact,
        cut=(hit.start, hit.end),
        group=group,
        version=hit.revision,
        score=hit.score,
    )


def _groups(request: AssemblyRequest, contexts: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The mount whose share the passages of a context spend: the nearest above it, else the first below it."""
    if not contexts or not any(mount.share for mount in request.mounts):
        return {}
    mounted = [mount.context_id for mount in request.mounts]
    rows = Context.objects.filter(workspace_id=request.workspace_id, id__in={*contexts, *mounted})
    paths = dict(rows.values_list("id", "path"))
    return {context_id: str(_owner(paths, mounted, context_id)) for context_id in contexts}


def _owner(paths: Mapping[uuid.UUID, str], mounted: list[uuid.UUID], context_id: uuid.UUID) -> uuid.UUID:
    path = paths[context_id]
    above = [mount for mount in mounted if is_below(path, paths[mount])]
    below = [mount for mount in mounted if is_below(paths[mount], path)]
    return max(above, key=lambda mount: len(paths[mount])) if above else below[0]
