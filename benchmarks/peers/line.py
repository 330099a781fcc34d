"""One measurement as one JSON line."""

import json
import statistics
from dataclasses import dataclass

from benchmarks.peers.load import Load, Measured


@dataclass(frozen=True)
class About:
    """What kind of arm it is. `durable` arms commit each step to PostgreSQL, or at least the accepted run."""

    name: str
    over_http: bool
    durable: bool
    packages: tuple[str, ...]


def line(about: About, load: Load, measured: Measured, *, cpu_s: float, versions: dict[str, str]) -> str:
    """The line that the benchmark prints; `cpu_s` is what the arm's Python processes used for all the runs."""
    runs = len(measured.latencies_s)
    return json.dumps(
        {
            "bench": "peers",
            "arm": about.name,
            "runs": runs,
            "clients": load.clients,
            "model_latency_s": load.model_latency_s,
            "runs_per_s": round(runs / measured.elapsed_s, 1),
            "p50_ms": round(statistics.median(measured.latencies_s) * 1000, 1),
            "p95_ms": round(measured.latencies_s[int(runs * 0.95)] * 1000, 1),
            "cpu_ms_per_run": round(cpu_s / runs * 1000, 1),
            "over_http": about.over_http,
            "durable": about.durable,
            "versions": versions,
        }
    )
