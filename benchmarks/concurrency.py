"""1,000 runs that wait 20 s in the model, on one `runs` process: are they all in flight at once, and at what price?

    make bench-concurrency

`all_done_s` counts from the first submit to the last run's end. The loop's lag is the worker's own measure,
which it logs when it leaves.
"""

import argparse
import asyncio
import json
import time
from typing import Any

import httpx

from workers.local.private import PrivateStack, wait_for

WAIT_S = 20


def main() -> None:
    """Start the stack, submit, wait, print one line."""
    runs = _arguments().runs
    stack = PrivateStack(fsync=True)
    try:
        stack.start_servers()
        key = stack.seed({"script": [{"text": "Done.", "latency_s": WAIT_S}]})
        stack.start_web(threads=8)
        stack.start_runs(slots=runs)
        print(json.dumps(_measure(stack, key, runs)), flush=True)
    finally:
        stack.stop()


def _measure(stack: PrivateStack, key: str, runs: int) -> dict[str, Any]:
    peak = 0.0
    with httpx.Client(base_url=stack.web_url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        _one(http)
        started = time.perf_counter()
        asyncio.run(_submit(stack.web_url, key, runs))

        def all_done() -> bool:
            nonlocal peak
            peak = max(peak, stack.memory_mb("runs"))
            time.sleep(0.2)
            return not _unfinished(http)

        wait_for(all_done, "all runs", within_s=300)
        elapsed = time.perf_counter() - started
    stack.terminate("runs")
    return {
        "bench": "concurrency",
        "runs": runs,
        "all_done_s": round(elapsed, 1),
        "rss_mb": round(peak),
        "loop_lag_p99_ms": _lag(stack.log("runs")),
    }


def _one(http: httpx.Client) -> None:
    """The first run loads code and builds the agent; it is no part of the measure."""
    http.post("/api/v1/runs", json={"agent": "scripted", "input": "first"}).raise_for_status()
    wait_for(lambda: not _unfinished(http), "the first run")


async def _submit(url: str, key: str, runs: int) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=16)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, limits=limits) as http:
        answers = await asyncio.gather(
            *(http.post("/api/v1/runs", json={"agent": "scripted", "input": f"run {n}"}) for n in range(runs))
        )
    for answer in answers:
        answer.raise_for_status()


def _unfinished(http: httpx.Client) -> bool:
    answer = http.get("/api/v1/runs", params={"status": "queued,running", "limit": 1})
    answer.raise_for_status()
    return bool(answer.json()["data"])


def _lag(log: str) -> float:
    line = next(line for line in reversed(log.splitlines()) if "The loop's lag." in line)
    return float(json.loads(line)["p99_ms"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
