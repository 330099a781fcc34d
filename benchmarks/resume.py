"""How fast a long run goes on in another process, and what it stores for each step.

    make bench-resume                                  500 steps, three takeovers, one replay without snapshots
    python -m benchmarks.resume --steps 250

A step is a model call and its tool call: two rows of the journal. `resume_ms` counts from the claim to the next model
call, by the database's clock, in a process that has worked before and never on this agent. `bytes` are those of the
rows' columns as they lie on disk; `disk_bytes_per_step` also has indexes and unused space.
"""

import argparse
import json
import statistics
from typing import Any, Final

import httpx
import psycopg
from psycopg.rows import dict_row

from benchmarks.long_run import AGENT
from workers.local.private import QUICK, PrivateStack, wait_for

TAKEN: Final = """
SELECT extract(epoch FROM step.started_at - event.created_at)::float8 * 1000 AS ms
FROM runs_run AS run
JOIN runs_event AS event ON event.run_id = run.id AND event.type = 'run.started'
JOIN runs_step AS step ON step.run_id = run.id AND step.kind = 'model'
WHERE run.id = %(run)s AND step.epoch = run.lease_epoch
ORDER BY event.seq DESC, step.n LIMIT 1"""

HOLDER: Final = """
SELECT worker.pid FROM runs_run AS run JOIN runs_workerprocess AS worker ON worker.id = run.worker_id
WHERE run.id = %(run)s"""

ROWS: Final = {"runs_step": "n", "runs_event": "coalesce(step_n, 1)", "runs_snapshot": "n"}
"""Tables of a run that grow with its steps, and which step a row belongs to."""

RELATIONS: Final = "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name"


def main() -> None:
    """Start the stack, run, take over, print one line."""
    arguments = _arguments()
    settings = QUICK | {"CEF_POLL_SECONDS": "1", "CEF_DRAIN_SECONDS": "0.1", "CEF_TOOL_MODULES": "benchmarks.long_run"}
    stack = PrivateStack(settings, fsync=True)
    try:
        stack.start_servers()
        seeds = {"steps": arguments.steps, "slow": arguments.rounds + 2}
        key = stack.seed(seeds, module="benchmarks.long_run")
        stack.start_web(threads=4)
        with psycopg.connect(stack.postgres.owner_url, autocommit=True, row_factory=dict_row) as link:
            print(json.dumps(_Bench(stack, key, link, arguments.steps).measured(arguments.rounds)), flush=True)
    finally:
        stack.stop()


class _Bench:
    """One long run, handed from process to process."""

    def __init__(self, stack: PrivateStack, key: str, link: Any, steps: int) -> None:
        self._stack, self._link, self._steps = stack, link, steps
        self._http = httpx.Client(base_url=stack.web_url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        self._workers: dict[int, str] = {}

    def measured(self, rounds: int) -> dict[str, Any]:
        for n in range(rounds + 2):
            self._start_worker(f"runs-{n}")
        before = self._disk()
        self._run = self._submit(AGENT)
        self._until_recorded(2 * self._steps)
        stored, disk = self._stored(), self._disk() - before
        taken = [self._takeover(round_) for round_ in range(rounds)]
        self._link.execute("DELETE FROM runs_snapshot WHERE run_id = %s", [self._run])
        replayed = self._takeover(rounds)
        per_step = {at: round(self._between(stored, 0, at) / at) for at in sorted({100, 250, self._steps})}
        return {
            "bench": "resume",
            "steps": self._steps,
            "rows": 2 * self._steps,
            "resume_ms": round(statistics.median(taken)),
            "resume_ms_all": [round(ms) for ms in taken],
            "replay_ms_without_snapshots": round(replayed),
            "bytes_per_step": per_step[self._steps],
            "bytes_per_step_at": {at: size for at, size in per_step.items() if at <= self._steps},
            "first_100": self._between(stored, 0, 100),
            "last_100": self._between(stored, self._steps - 100, self._steps),
            "bytes_by_table": {table: sum(sizes.values()) for table, sizes in stored.items()},
            "disk_bytes_per_step": round(disk / self._steps),
        }

    def _takeover(self, round_: int) -> float:
        """Another process goes on where the run is; milliseconds from its claim to its first call of the model."""
        recorded = 2 * (self._steps + round_)
        self._until_recorded(recorded)
        row = self._link.execute(HOLDER, {"run": self._run}).fetchone()
        self._stack.terminate(self._workers.pop(row["pid"]))
        self._until_recorded(recorded + 1)
        return float(self._link.execute(TAKEN, {"run": self._run}).fetchone()["ms"])

    def _start_worker(self, name: str) -> None:
        """A process with one slot, in which a run of another agent has been executed."""
        self._workers[self._stack.start_runs(name, slots=1).pid] = name
        warm = [self._submit("scripted") for _ in range(4 * len(self._workers))]
        wait_for(lambda: all(self._status(run) == "succeeded" for run in warm), "the first runs of a process")

    def _submit(self, agent: str) -> str:
        answer = self._http.post("/api/v1/runs", json={"agent": agent, "input": "Read the pages."})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def _status(self, run: str) -> str:
        return str(self._link.execute("SELECT status FROM runs_run WHERE id = %s", [run]).fetchone()["status"])

    def _until_recorded(self, steps: int) -> None:
        query = "SELECT step_count, status, error_detail FROM runs_run WHERE id = %s"

        def recorded() -> bool:
            row = self._link.execute(query, [self._run]).fetchone()
            if row["status"] == "failed":
                raise RuntimeError(f"The run failed: {row['error_detail']}")
            return bool(row["step_count"] >= steps)

        wait_for(recorded, f"{steps} steps", within_s=600)

    def _stored(self) -> dict[str, dict[int, int]]:
        """Bytes by table and step."""
        return {table: self._sizes(table, step) for table, step in ROWS.items()}

    def _sizes(self, table: str, step: str) -> dict[int, int]:
        query = "SELECT column_name AS name FROM information_schema.columns WHERE table_name = %s"
        names = [row["name"] for row in self._link.execute(query, [table])]
        size = " + ".join(f'coalesce(pg_column_size("{name}"), 0)' for name in names)
        rows = self._link.execute(
            f"SELECT {step} AS step, sum({size} + 28) AS bytes FROM {table} WHERE run_id = %s GROUP BY 1", [self._run]
        )
        return {row["step"]: int(row["bytes"]) for row in rows}

    def _between(self, stored: dict[str, dict[int, int]], first: int, last: int) -> int:
        """Bytes of the loop's steps after `first` up to `last`."""
        return sum(size for sizes in stored.values() for n, size in sizes.items() if 2 * first < n <= 2 * last)

    def _disk(self) -> int:
        row = self._link.execute(RELATIONS, [[*ROWS, "core_blob", "runs_run"]]).fetchone()
        return int(row["sum"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
