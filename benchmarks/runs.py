"""How many durable runs per second: scripted provider without latency, model -> tool -> model, over HTTP.

    make bench-runs                                    1 and 32 clients
    python -m benchmarks.runs --clients 32 --old-runs 1000000

POST to finished: a client submits with `mode=wait` and follows the redirect to `live`.
"""

import argparse
import asyncio
import json
import statistics
import time
from typing import Any

import httpx
import psycopg

from workers.local.private import PrivateStack

SCRIPT = [
    {"tool_calls": [{"name": "calculator", "args": {"expression": "6 * 7"}}]},
    {"text": "The answer is {last_tool_result}."},
]
WARM_UP = 30
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
    """Start the stack, measure each number of clients, print one line for each."""
    arguments = _arguments()
    stack = PrivateStack(fsync=True)
    try:
        stack.start_servers()
        key = stack.seed({"script": SCRIPT, "tools": ["calculator"]})
        if arguments.old_runs:
            add_old_runs(stack, arguments.old_runs)
        stack.start_web(threads=8)
        stack.start_live()
        stack.start_runs(slots=200)
        _measure(stack, key, 4, WARM_UP)
        for clients in arguments.clients:
            print(json.dumps(_measure(stack, key, clients, arguments.runs * (1 if clients == 1 else 10))), flush=True)
    finally:
        stack.stop()


def _measure(stack: PrivateStack, key: str, clients: int, runs: int) -> dict[str, Any]:
    cpu, started = stack.cpu_seconds(), time.perf_counter()
    latencies = sorted(asyncio.run(_load(stack.web_url, key, clients, runs)))
    elapsed = time.perf_counter() - started
    return {
        "bench": "runs",
        "clients": clients,
        "runs": runs,
        "runs_per_s": round(runs / elapsed, 1),
        "p50_ms": round(statistics.median(latencies) * 1000, 1),
        "p95_ms": round(latencies[int(len(latencies) * 0.95)] * 1000, 1),
        "cpu_ms_per_run": round((stack.cpu_seconds() - cpu) / runs * 1000, 1),
    }


async def _load(url: str, key: str, clients: int, runs: int) -> list[float]:
    latencies: list[float] = []
    left = iter(range(runs))
    limits = httpx.Limits(max_connections=clients * 2, max_keepalive_connections=clients * 2)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60, follow_redirects=True) as http:
        await asyncio.gather(*(_client(http, url, left, latencies) for _ in range(clients)))
    return latencies


async def _client(http: httpx.AsyncClient, url: str, left: Any, latencies: list[float]) -> None:
    for _ in left:
        started = time.perf_counter()
        answer = await http.post(f"{url}/api/v1/runs", json={"agent": "scripted", "input": "go", "mode": "wait"})
        answer.raise_for_status()
        run = answer.json()
        if run["status"] != "succeeded" or "42" not in run["output"]:
            raise RuntimeError(f"A run went wrong: {run}")
        latencies.append(time.perf_counter() - started)


def add_old_runs(stack: PrivateStack, count: int) -> None:
    """Finished runs of the same agent with three steps and five events each, written by the database itself."""
    with psycopg.connect(stack.postgres.owner_url, autocommit=True) as link:
        for _ in range(0, count, OLD_RUNS_BATCH):
            link.execute(OLD_RUNS, {"count": min(count, OLD_RUNS_BATCH)})
        link.execute("VACUUM (ANALYZE) runs_run, runs_step, runs_event")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--runs", type=int, default=200, help="runs of one client; more clients make ten times as many")
    parser.add_argument("--old-runs", type=int, default=0, help="finished runs that lie in the tables beforehand")
    return parser.parse_args()


if __name__ == "__main__":
    main()
