"""How many durable runs per second: scripted provider, model -> tool -> model, over HTTP.

    make bench-runs                                    1 and 16 clients, without and with streaming
    python -m benchmarks.runs --clients 16 --modes wait --old-runs 1000000
    python -m benchmarks.runs --clients 50 --modes wait --model-latency 0.25

POST to finished: a client submits with `mode=wait` or `mode=stream` and follows the redirect to `live`. CPU is that of
our Python processes, all together and each by its name.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import httpx
import psycopg

from workers.local.private import PrivateStack

WARM_UP = 60
ENDED = '"status":"succeeded"'
OLD_RUNS_BATCH = 50_000
OLD_RUNS = """
WITH old AS (
    INSERT INTO runs_run (id, workspace_id, agent_id, agent_version_id, status, stop_reason, error_code, error_detail,
        attempt, crashes, lease_epoch, streaming, held, quarantined, api_key_id, input, attachments, output, limits,
        metadata, context_versions, event_seq, step_count, model_calls, input_tokens, output_tokens, cost_usd,
        created_by_kind, request_id,
        started_at, finished_at, announced_at, account_ids)
    SELECT uuidv7(interval '-30 days'), version.workspace_id, version.agent_id, version.id, 'succeeded', 'completed',
        '', '', 1, 0, 1, false, false, false, '00000000-0000-0000-0000-000000000000', '"go"', '[]', '"42"', '{}',
        '{}', '{}', 5, 3, 2, 20, 20, 0, '', '',
        now(), now(), now(), '{}'
    FROM agents_agentversion AS version, generate_series(1, %(count)s)
    RETURNING id
), steps AS (
    INSERT INTO runs_step (run_id, n, key, kind, name, tool_call_id, epoch, digest, result, error_code, started_at,
        input_tokens, output_tokens, cost_usd)
    SELECT id, n, n || '/agent__model.request/0', 'model', 'scripted', '', 1, 'x',
        convert_to(repeat('{} ', 200), 'UTF8'), '', now(), 10, 10, 0
    FROM old, generate_series(1, 3) AS n
)
INSERT INTO runs_event (run_id, seq, type, data)
SELECT id, seq, 'step.recorded', '{}' FROM old, generate_series(1, 5) AS seq"""


def main() -> None:
    """Start the stack, measure each mode with each number of clients, print one line for each."""
    arguments = _arguments()
    stack = PrivateStack(fsync=True)
    try:
        stack.start_servers()
        key = stack.seed({"script": _script(arguments.model_latency), "tools": ["calculator"]})
        if arguments.old_runs:
            add_old_runs(stack, arguments.old_runs)
        stack.start_web(threads=8)
        stack.start_live()
        stack.start_runs(slots=200)
        for mode in arguments.modes:
            _measure(stack, Load(key, mode, 4, WARM_UP))
        for clients, mode in product(arguments.clients, arguments.modes):
            load = Load(key, mode, clients, arguments.runs * (1 if clients == 1 else 10))
            print(json.dumps(_measure(stack, load) | {"model_latency_s": arguments.model_latency}), flush=True)
    finally:
        stack.stop()


@dataclass(frozen=True)
class Load:
    """So many clients at once, so many runs by all of them."""

    key: str
    mode: str
    clients: int
    runs: int


def _script(latency_s: float) -> list[dict[str, Any]]:
    call = {"name": "calculator", "args": {"expression": "6 * 7"}}
    return [
        {"tool_calls": [call], "latency_s": latency_s},
        {"text": "The answer is {last_tool_result}.", "latency_s": latency_s},
    ]


def _measure(stack: PrivateStack, load: Load) -> dict[str, Any]:
    before, started = stack.cpu_seconds_by_process(), time.perf_counter()
    latencies = sorted(asyncio.run(_load(stack.web_url, load)))
    elapsed = time.perf_counter() - started
    used = {name: cpu - before[name] for name, cpu in stack.cpu_seconds_by_process().items()}
    return {
        "bench": "runs",
        "mode": load.mode,
        "clients": load.clients,
        "runs": load.runs,
        "runs_per_s": round(load.runs / elapsed, 1),
        "p50_ms": round(statistics.median(latencies) * 1000, 1),
        "p95_ms": round(latencies[int(len(latencies) * 0.95)] * 1000, 1),
        "cpu_ms_per_run": round(sum(used.values()) / load.runs * 1000, 1),
        "cpu_ms_by_process": {name: round(cpu / load.runs * 1000, 1) for name, cpu in used.items()},
    }


async def _load(url: str, load: Load) -> list[float]:
    latencies: list[float] = []
    left = iter(range(load.runs))
    limits = httpx.Limits(max_connections=load.clients * 2, max_keepalive_connections=load.clients * 2)
    headers = {"Authorization": f"Bearer {load.key}"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60, follow_redirects=True) as http:
        submit = partial(http.post, f"{url}/api/v1/runs", json={"agent": "scripted", "input": "go", "mode": load.mode})
        await asyncio.gather(*(_client(submit, left, latencies) for _ in range(load.clients)))
    return latencies


async def _client(submit: Callable[[], Awaitable[httpx.Response]], left: Any, latencies: list[float]) -> None:
    for _ in left:
        started = time.perf_counter()
        answer = await submit()
        answer.raise_for_status()
        if ENDED not in answer.text:
            raise RuntimeError(f"A run went wrong: {answer.text}")
        latencies.append(time.perf_counter() - started)


def add_old_runs(stack: PrivateStack, count: int) -> None:
    """Finished runs of the same agent with three steps and five events each, written by the database itself."""
    with psycopg.connect(stack.postgres.owner_url, autocommit=True) as link:
        for _ in range(0, count, OLD_RUNS_BATCH):
            link.execute(OLD_RUNS, {"count": min(count, OLD_RUNS_BATCH)})
        link.execute("VACUUM (ANALYZE) runs_run, runs_step, runs_event")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--modes", choices=("wait", "stream"), nargs="+", default=["wait", "stream"])
    parser.add_argument("--model-latency", type=float, default=0.0, help="seconds that a model call takes")
    parser.add_argument("--runs", type=int, default=200, help="runs of one client; more clients make ten times as many")
    parser.add_argument("--old-runs", type=int, default=0, help="finished runs that lie in the tables beforehand")
    return parser.parse_args()


if __name__ == "__main__":
    main()
