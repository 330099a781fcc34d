"""A run as it is shown when it is over, and the exit code that its end stands for."""

import json
from typing import Any

from rich.console import Console
from rich.text import Text

from cli import words
from cli.errors import RunFailed, RunWaits
from cli.output import print_text

_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow", "waiting": "yellow"}


def show_result(run: dict[str, Any], console: Console) -> None:
    """The answer on standard output; state, use and time on `console`."""
    if run["output"] is not None:
        print_text(answer_text(run))
    console.print(summary(run))


def answer_text(run: dict[str, Any]) -> str:
    """The output as text: itself when it is text, else indented JSON."""
    output = run["output"]
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, indent=2)


def summary(run: dict[str, Any]) -> Text:
    """State, steps, tokens, cost and time in one line."""
    usage = run["usage"]
    line = Text(run["status"], _COLOURS.get(run["status"], "cyan"))
    facts = [
        f"{usage['steps']} steps",
        words.tokens(usage["input_tokens"], usage["output_tokens"]),
        words.usd(usage["cost_usd"]) or "no cost",
        words.duration(words.elapsed(run["created_at"], run["finished_at"])) if run["finished_at"] else "",
    ]
    return line.append(f" · {words.joined(facts)}", "dim")


def raise_unless_succeeded(run: dict[str, Any]) -> None:
    """Raises RunFailed (exit code 6) or RunWaits (7) with the reason in words."""
    if run["status"] in {"failed", "cancelled"}:
        error = run["error"] or {}
        reason = words.joined([error.get("detail") or run["stop_reason"] or "", error.get("code") or ""])
        hint = f"Go on after the last step with: cef runs resume {run['id']}" if run["status"] == "failed" else ""
        raise RunFailed(f"The run {run['status']}: {reason}", hint=hint)
    if run["status"] == "waiting":
        raise RunWaits(f"The run waits for a person: {run['links']['admin']}")
