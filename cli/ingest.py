"""Bringing files into a context: which ones, in which portions, and how far the batch work is."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.client import Client
from cli.errors import CliError, UsageProblem

PATTERNS: Final = ("*.md", "*.markdown", "*.txt", "*.rst")
_MARKDOWN: Final = frozenset({".md", ".markdown"})
_DOCUMENTS: Final = 200
_CHARACTERS: Final = 1_000_000  # the server takes bodies of 8 MiB
_POLL_S: Final = 0.3
_PATIENCE_S: Final = 300.0

Document = dict[str, str]


def read_documents(path: Path, patterns: Sequence[str], console: Console) -> list[Document]:
    """The text files at the path, named by their place below it; what is no UTF-8 text is skipped with a word.

    Raises UsageProblem when nothing is left.
    """
    documents = []
    for file in _files(path, patterns):
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            console.print(f"Skipped {file}: {error}", markup=False)
            continue
        name = file.name if file == path else file.relative_to(path).as_posix()
        media_type = "text/markdown" if file.suffix.lower() in _MARKDOWN else "text/plain"
        documents.append({"name": name, "media_type": media_type, "text": text})
    if not documents:
        raise UsageProblem(f"There is no text at {path} that matches {', '.join(patterns)}.")
    return documents


def ingest(client: Client, context_id: str, documents: Sequence[Document]) -> Iterator[dict[str, Any]]:
    """Start jobs for the documents and tell each job whenever it has moved, until all have finished.

    Raises CliError when nothing moves for five minutes.
    """
    for portion in _portions(documents):
        yield from _watched(client, client.post("/ingest-jobs", {"context_id": context_id, "documents": portion}))


def ingest_with_progress(
    client: Client, context_id: str, documents: Sequence[Document], console: Console
) -> list[dict[str, Any]]:
    """The finished jobs; on a terminal a bar shows how far they are."""
    jobs: dict[str, dict[str, Any]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Ingesting", total=len(documents))
        for job in ingest(client, context_id, documents):
            jobs[job["id"]] = job
            progress.update(bar, completed=sum(map(ended, jobs.values())))
    return list(jobs.values())


def ended(job: dict[str, Any]) -> int:
    """How many of the job's documents need no more work."""
    return int(job["done"] + job["skipped"] + job["failed"])


def _files(path: Path, patterns: Iterable[str]) -> list[Path]:
    """A file itself, or those of a folder that match, without hidden ones."""
    if path.is_file():
        return [path]
    found = {file for pattern in patterns for file in path.rglob(pattern) if file.is_file()}
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _portions(documents: Sequence[Document]) -> Iterator[list[Document]]:
    portion: list[Document] = []
    size = 0
    for document in documents:
        if portion and (len(portion) == _DOCUMENTS or size + len(document["text"]) > _CHARACTERS):
            yield portion
            portion, size = [], 0
        portion.append(document)
        size += len(document["text"])
    yield portion


def _watched(client: Client, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    moved, before = time.monotonic(), -1
    while True:
        if ended(job) != before:
            moved, before = time.monotonic(), ended(job)
            yield job
        if job["state"] == "finished":
            return
        if time.monotonic() - moved > _PATIENCE_S:
            hint = "Does a batch worker run? `cef doctor` looks."
            raise CliError(f"The job {job['id']} has not moved for {_PATIENCE_S:.0f} s.", hint=hint)
        time.sleep(_POLL_S)
        job = client.get(f"/ingest-jobs/{job['id']}")
