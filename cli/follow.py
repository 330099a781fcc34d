"""Following a run on a terminal: what it does now, its steps as they are recorded, its text as it is spoken."""

import time
from typing import Any, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from cli import words
from cli.client import Client
from cli.feed import run_events
from cli.sse import ServerEvent
from cli.waits import FOR_PEOPLE

_TAIL_LINES: Final = 8


def follow_run(client: Client, run_id: str, console: Console, *, after: int = 0) -> dict[str, Any]:
    """Show the run on `console` until it has ended or waits for a person, and return it.

    The answer itself is not printed; `sources` is added to the run: what its steps drew on, `[{"title", "ref"}]`.
    Raises ApiError and Unreachable.
    """
    run: dict[str, Any] = client.get(f"/runs/{run_id}")
    with RunView(console) as view:
        for event in run_events(client, run, after=after):
            view.show(event)
            if needs_somebody(client, run_id, event):
                break
    return {**client.get(f"/runs/{run_id}"), "sources": view.sources}


def needs_somebody(client: Client, run_id: str, event: ServerEvent) -> bool:
    """Whether the run waits for a person, now; for time, other runs and events it goes on by itself."""
    if event.name != "run.waiting":
        return False
    kinds = event.data.get("kinds")
    if kinds is not None and not FOR_PEOPLE.intersection(kinds):
        return False
    return bool(client.get(f"/runs/{run_id}")["status"] == "waiting")


class RunView:
    """The picture of a run that is being followed; without a terminal it is one line an event and nothing moves."""

    def __init__(self, console: Console) -> None:
        self.sources: list[dict[str, Any]] = []
        self._console = console
        self._doing = "connecting"
        self.spoken = ""
        self._started = time.monotonic()
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._picture, console=console, refresh_per_second=10, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._live.stop()

    def show(self, event: ServerEvent) -> None:
        """Bring the picture up to date with one event."""
        match event.name:
            case "delta":
                self.spoken = ("" if event.data.get("so_far") else self.spoken) + str(event.data.get("text", ""))
                self._doing = "answering"
            case "step.recorded":
                self._show_step(event.data)
            case "polling":
                self._line(Text("The live server does not answer; asking for news every second.", "yellow"))
            case "run.queued":
                self._doing = "queued"
            case "run.started":
                self._start(event.data)
            case "run.waiting" | "run.cancel_requested" | "run.resumed" | "run.released":
                self._doing = event.name.removeprefix("run.").replace("_", " ")
                self._line(Text(self._doing, "yellow"))

    def _start(self, data: dict[str, Any]) -> None:
        """A second attempt says the present answer again from its beginning."""
        self.spoken, self._doing = "", "thinking"
        if data.get("attempt", 1) > 1:
            self._line(Text(f"attempt {data['attempt']}: another worker goes on after the last step", "yellow"))

    def _show_step(self, data: dict[str, Any]) -> None:
        self.spoken, self._doing = "", "working"
        self._line(step_line(data))
        for source in data.get("sources") or ():
            if source not in self.sources:
                self.sources.append(source)
                self._line(Text(f"       ↳ {words.printable(_source(source))}", "dim"))

    def _line(self, line: Text) -> None:
        self._console.print(line)

    def _picture(self) -> RenderableType:
        seconds = time.monotonic() - self._started
        self._spinner.update(text=Text(f"{self._doing} · {words.duration(seconds * 1000)}", "cyan"))
        if not self.spoken:
            return self._spinner
        tail = "\n".join(words.printable(self.spoken).splitlines()[-_TAIL_LINES:])
        return Group(Padding(Text(tail), (0, 0, 0, 4)), self._spinner)


def step_line(data: dict[str, Any]) -> Text:
    """A step in one line: number, kind, name, time, tokens, cost, error."""
    failed = data.get("error_code") or ""
    line = Text(f"  {data.get('step') or data.get('n') or '':>3}  ", "dim")
    line.append("✗ " if failed else "✓ ", "red" if failed else "green")
    line.append(f"{data.get('kind', ''):<6}", "cyan")
    line.append(f" {words.printable(str(data.get('name', ''))):<28}")
    spent = words.tokens(data.get("input_tokens"), data.get("output_tokens"))
    line.append(words.joined([words.duration(data.get("duration_ms")), spent, words.usd(data.get("cost_usd"))]), "dim")
    if failed:
        line.append(f" {failed}", "red")
    return line


def _source(source: dict[str, Any]) -> str:
    title, ref = source.get("title"), source.get("ref")
    return f"{title} ({ref})" if title and ref else str(title or ref or source)
