"""What the command line of the benchmark says."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peers.load import Load

ARMS = ("pydantic-ai", "dbos", "langgraph", "agno", "celery", "cef", "cef-stream")
_DEFAULT_CLIENTS = {0.0: 16}
_MANY_CLIENTS = 50


@dataclass(frozen=True)
class Options:
    """`runs` are those of one measurement; `processes` is how many of its processes each arm may use for its runs."""

    arms: tuple[str, ...]
    clients: int | None
    runs: int
    latencies_s: tuple[float, ...]
    rounds: int
    processes: int

    @property
    def loads(self) -> tuple[Load, ...]:
        """One for each latency of the model; who waits for a model may have more clients."""
        return tuple(
            Load(self.clients or _DEFAULT_CLIENTS.get(latency_s, _MANY_CLIENTS), self.runs, latency_s)
            for latency_s in self.latencies_s
        )


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Of the given words, or of this process's own; leaves with a message when they make no sense."""
    read = _parser().parse_args(arguments)
    return Options(tuple(read.arms), read.clients, read.runs, tuple(read.model_latency), read.rounds, read.processes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks.peers", description="The same small agent, run by others and by us."
    )
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--clients", type=_count, help="at once; unless told 16, and 50 when the model takes time")
    parser.add_argument("--runs", type=_count, default=300, help="of one measurement")
    parser.add_argument(
        "--model-latency", type=_seconds, nargs="+", default=[0.0, 0.25], help="seconds a model call takes"
    )
    parser.add_argument("--rounds", type=_count, default=3, help="how often each arm has its turn")
    parser.add_argument("--processes", type=_count, default=1, help="that execute an arm's runs")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 60:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 60")
    return number
