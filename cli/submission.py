"""Submitting the lines of a file as batches, and watching them to their end."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli import words
from cli.client import Client, json_bytes
from cli.errors import RunFailed, RunWaits, UsageProblem

_RUNS: Final = 1000
_BYTES: Final = 6_000_000  # the server takes bodies of 8 MiB
_POLL_S: Final = 0.5

Item = dict[str, Any]
Batch = dict[str, Any]


def read_items(lines: Iterable[str]) -> list[Item]:
    """Each line as the input of a run: JSON text, or an object with `input` and perhaps `metadata`.

    Raises UsageProblem, which names the line.
    """
    items = [_item(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not items:
        raise UsageProblem("There is no line with an input.")
    return items


def submit(client: Client, agent: str, items: Sequence[Item], metadata: dict[str, str]) -> list[Batch]:
    """The accepted batches, of at most 1,000 runs each; a batch that is refused ends it, those before it stay."""
    return [
        client.post("/runs/batch", {"agent": agent, "inputs": portion, "metadata": metadata})
        for portion in _portions(items)
    ]


def watch(client: Client, batches: Sequence[Batch], console: Console) -> list[Batch]:
    """The batches once nothing goes on by itself any more; on a terminal a bar shows how far they are."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Running", total=sum(batch["total"] for batch in batches))
        while True:
            batches = [batch if _is_over(batch) else client.get(f"/batches/{batch['id']}") for batch in batches]
            progress.update(bar, completed=sum(map(_gone, batches)), description=_doing(batches))
            if all(_is_over(batch) or _only_waits(batch) for batch in batches):
                return list(batches)
            time.sleep(_POLL_S)


def summary(batch: Batch) -> str:
    """States, tokens, cost and time in one line."""
    usage = batch["usage"]
    took = words.elapsed(batch["started_at"], batch["finished_at"])
    return words.joined(
        [
            states(batch),
            words.tokens(usage["input_tokens"], usage["output_tokens"]),
            words.usd(usage["cost_usd"]) or "no cost",
            words.duration(took) if took is not None else "",
        ]
    )


def states(batch: Batch) -> str:
    """`998 succeeded, 2 failed`."""
    return ", ".join(f"{number} {state}" for state, number in batch["counts"].items() if number)


def raise_unless_all_succeeded(batches: Sequence[Batch]) -> None:
    """Raises RunFailed (exit code 6) or RunWaits (7)."""
    bad = sum(batch["counts"]["failed"] + batch["counts"]["cancelled"] for batch in batches)
    waiting = sum(batch["counts"]["waiting"] for batch in batches)
    if waiting:
        raise RunWaits(f"{waiting} runs wait for a person: {batches[0]['links']['admin']}")
    if bad:
        raise RunFailed(f"{bad} runs failed or were cancelled: {batches[0]['links']['admin']}")


def _item(number: int, line: str) -> Item:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageProblem(f"Line {number} is not JSON: {error}") from error
    if isinstance(value, str):
        return {"input": value}
    if isinstance(value, dict) and "input" in value and value.keys() <= {"input", "metadata"}:
        return value
    raise UsageProblem(f'Line {number} is neither JSON text nor {{"input": …, "metadata": {{…}}}}.')


def _portions(items: Sequence[Item]) -> Iterator[list[Item]]:
    portion: list[Item] = []
    size = 0
    for item in items:
        length = len(json_bytes(item))
        if portion and (len(portion) == _RUNS or size + length > _BYTES):
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += length
    yield portion


def _gone(batch: Batch) -> int:
    """Runs that need no more work."""
    return int(batch["ended"] + batch["counts"]["erased"])


def _is_over(batch: Batch) -> bool:
    return _gone(batch) == int(batch["total"])


def _only_waits(batch: Batch) -> bool:
    return _gone(batch) + int(batch["counts"]["waiting"]) == int(batch["total"])


def _doing(batches: Sequence[Batch]) -> str:
    failed = sum(batch["counts"]["failed"] for batch in batches)
    return f"Running, {failed} failed" if failed else "Running"
