"""The doctor's look at what runs: the database, Valkey, and the stack's processes."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import redis

from workers.local.findings import Finding, Verdict, fine, note, wrong
from workers.local.home import Home
from workers.local.migrations import database_is_newer, database_is_older
from workers.local.processes import tail
from workers.local.readiness import place, postgres_complaint, redis_client, redis_complaint
from workers.local.supervisor import ProcessState

_OLDEST_POSTGRES = 16
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
_MANY_DEATHS = 3
_PATIENT = "5 minutes"
_SUSPECTS = f"""
SELECT count(*) FROM runs_run
WHERE status = 'queued' AND NOT held AND quarantined AND queued_at < now() - interval '{_PATIENT}'"""  # noqa: S608
_RECENT = timedelta(minutes=5)
_DEATH = re.compile(r"^(\S+ \S+),\d+ \w+ exited: (\w+) \(.*not expected\)")


def database(url: str) -> Iterator[Finding]:
    """Reachable, new enough, with pgvector, and neither newer nor older than the code."""
    complaint = postgres_complaint(url)
    if complaint is not None:
        yield wrong("database", f"PostgreSQL at {place(url)} cannot be used: {complaint}")
        return
    with psycopg.connect(url, connect_timeout=5) as connection:
        version = connection.info.server_version // 10000
        vector = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
        careless = [name for name in _DURABLE if connection.execute(f"SHOW {name}").fetchone() == ("off",)]
    if version < _OLDEST_POSTGRES:
        yield wrong("database", f"PostgreSQL {version} is too old; {_OLDEST_POSTGRES} is the oldest that works.")
    if vector is None:
        yield wrong("database", "pgvector is not installed on the server.")
    if careless:
        yield wrong("database", f"{', '.join(careless)} off: what the server acknowledges may be lost in a crash.")
    yield fine("database", f"PostgreSQL {version} at {place(url)}")
    age = migrations(url)
    yield age
    if age.verdict is Verdict.FINE:
        yield from suspects(url)


def migrations(url: str) -> Finding:
    """Whether database and code are of one age."""
    newer, older = database_is_newer(url), database_is_older(url)
    if newer:
        names = ", ".join(newer)
        return wrong("migrations", f"The database is newer than this code: it has {names}. Update the code.")
    if older:
        return note("migrations", f"{len(older)} are not applied yet; `make up` applies them.")
    return fine("migrations", "database and code agree")


def suspects(url: str) -> Iterator[Finding]:
    """Whether runs wait for a quarantine process that is not there, or takes long."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        (waiting,) = connection.execute(_SUSPECTS).fetchone() or (0,)
    if waiting:
        yield note("quarantine", f"{waiting} runs wait in quarantine for over {_PATIENT}; is its process running?")


def doorbell(url: str) -> Finding:
    """Reachable, and never throwing keys away: an evicted message of Celery is a lost wake-up."""
    complaint = redis_complaint(url)
    if complaint is not None:
        return wrong("redis", f"Valkey or Redis at {place(url)} cannot be used: {complaint}")
    policy = _eviction_policy(url)
    if policy not in {"noeviction", None}:
        return wrong("redis", f"maxmemory-policy is {policy}; set it to noeviction, or messages get lost.")
    return fine("redis", place(url) + ("" if policy else " (its eviction policy may not be read)"))


def processes(home: Home, states: list[ProcessState]) -> Iterator[Finding]:
    """Each is up, and none keeps dying."""
    deaths = recent_deaths(home.logs / "supervisord.log", datetime.now())
    for state in states:
        log = tail(Path(state.log), 3)
        if state.state in {"FATAL", "BACKOFF"}:
            yield wrong(state.name, f"It does not stay up. Its log ({state.log}) ends with:\n{log}")
        elif deaths[state.name] >= _MANY_DEATHS:
            yield wrong(state.name, f"It died {deaths[state.name]} times in 5 minutes. {state.log} ends with:\n{log}")
        elif state.state != "RUNNING":
            yield wrong(state.name, f"It is {state.state.lower()}; see {state.log}")
        else:
            yield fine(state.name, f"up for {state.uptime_s} s, process {state.pid}")


def recent_deaths(log: Path, now: datetime) -> Counter[str]:
    """How often each process ended unasked in the last five minutes, by the supervisor's log."""
    found: Counter[str] = Counter()
    for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
        match = _DEATH.match(line)
        if match and now - datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S") < _RECENT:
            found[match[2]] += 1
    return found


def _eviction_policy(url: str) -> str | None:
    client = redis_client(url)
    try:
        answer = client.config_get("maxmemory-policy")
    except redis.RedisError:
        return None
    finally:
        client.close()
    return answer.get("maxmemory-policy") if isinstance(answer, dict) else None
