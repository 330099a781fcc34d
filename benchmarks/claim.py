"""How long a claim takes, whatever is queued: on one connection, the statement prepared, as a worker sends it.

    make bench-claim

Each line is one state of the queue, over 200,000 old runs, without fsync: the disk's time is the same for all.
`planning_ms` and `execution_ms` are PostgreSQL's own, of a claim that is not prepared; a worker plans only its first
ones.
"""

import json
import os
import statistics
import time
import uuid
from typing import Any, Final

import django
import httpx
import psycopg
from psycopg.rows import dict_row

from workers.local.private import PrivateStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.typecheck")
django.setup()

from apps.runs.statements import CLAIM  # noqa: E402  # needs Django's settings, and nothing that they name

OLD_RUNS: Final = 200_000
CLAIMS: Final = 300
NOBODY: Final = uuid.UUID(int=0)
WORKER: Final = uuid.uuid4()

FRESH_ID: Final = "uuidv7()"
COPY: Final = """
INSERT INTO runs_run ({columns}) SELECT {values}
FROM (SELECT * FROM runs_run ORDER BY id LIMIT 1) AS run
CROSS JOIN (SELECT id AS workspace FROM accounts_workspace WHERE slug LIKE '{slugs}') AS owner
CROSS JOIN generate_series(1, {many}) AS n"""

Link = psycopg.Connection[dict[str, Any]]


def main() -> None:
    """Start the servers, fill the queue in different ways, print a line for each."""
    stack = PrivateStack()
    try:
        stack.start_servers()
        key = stack.seed({"script": [{"text": "Done."}]})
        stack.start_web()
        run = {"agent": "scripted", "input": "go"}
        httpx.post(f"{stack.web_url}/api/v1/runs", json=run, headers={"Authorization": f"Bearer {key}"})
        with psycopg.connect(stack.postgres.superuser_url, autocommit=True, row_factory=dict_row) as link:
            _measure_all(link)
    finally:
        stack.stop()


def _measure_all(link: Link) -> None:
    link.execute(
        "INSERT INTO runs_workerprocess (id, hostname, pid, slots, running, draining, expires_at) "
        "VALUES (%s, 'bench', 1, 1, 0, false, now() + interval '1 day')",
        [WORKER],
    )
    link.execute("UPDATE accounts_workspace SET slug = 'w-0'")
    _copy(link, OLD_RUNS, status="'succeeded'", finished_at="now()", announced_at="now()")
    for workspaces in (1, 100, 1000):
        link.execute(
            "INSERT INTO accounts_workspace (id, created_at, slug, name) "
            "SELECT uuidv7(), now(), 'w-' || n, '' FROM generate_series(1, %s) AS n ON CONFLICT DO NOTHING",
            [workspaces - 1],
        )
        _queue(link, max(10_000 // workspaces, 10))
        _print(link, "round robin", workspaces)
    _queue(link, 10_000, slugs="w-0", api_key_id="'00000000-0000-0000-0000-000000000001'")
    _copy(link, 1_000, slugs="w-0")
    link.execute(
        "INSERT INTO runs_cap (id, workspace_id, kind, subject_id, slots) SELECT uuidv7(), id, 'key', "
        "'00000000-0000-0000-0000-000000000001', 0 FROM accounts_workspace WHERE slug = 'w-0'"
    )
    _print(link, "behind 10,000 runs of a key at its cap", 1)


def _queue(link: Link, many: int, *, slugs: str = "w-%", **columns: str) -> None:
    """So many queued runs in each of the workspaces, and no other."""
    link.execute("UPDATE runs_run SET status = 'cancelled' WHERE status IN ('queued', 'running')")
    _copy(link, many, slugs=slugs, **columns)


def _copy(link: Link, many: int, *, slugs: str = "w-%", **columns: str) -> None:
    rows = link.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'runs_run'").fetchall()
    names = [str(row["column_name"]) for row in rows]
    values = {"id": FRESH_ID, "workspace_id": "workspace", "status": "'queued'"} | columns
    copied = ", ".join(values.get(name, f"run.{name}") for name in names)
    link.execute(COPY.format(columns=", ".join(names), values=copied, slugs=slugs, many=many))
    link.execute("ANALYZE")


def _print(link: Link, name: str, workspaces: int) -> None:
    planned = _explained(link)
    times = sorted(_claims(link))
    line = {
        "bench": "claim",
        "queue": name,
        "workspaces": workspaces,
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(len(times) * 0.95)], 2),
    }
    print(json.dumps(line | planned), flush=True)


def _claims(link: Link) -> list[float]:
    times, after = [], NOBODY
    for _ in range(CLAIMS + 10):
        began = time.perf_counter()
        row = link.execute(CLAIM, {"worker": WORKER, "after": after}).fetchone()
        times.append(1000 * (time.perf_counter() - began))
        assert row is not None, "the queue is long enough"
        after = row["workspace_id"]
    return times[10:]


def _explained(link: Link) -> dict[str, float]:
    with link.transaction(force_rollback=True):
        statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {CLAIM}"
        row = link.execute(statement, {"worker": WORKER, "after": NOBODY}).fetchone()
    assert row is not None
    (plan,) = row["QUERY PLAN"]
    return {"planning_ms": round(plan["Planning Time"], 2), "execution_ms": round(plan["Execution Time"], 2)}


if __name__ == "__main__":
    main()
