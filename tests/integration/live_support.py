"""What the tests of `live` share: its process, a run to follow, and a reader that counts what it is sent."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from django.conf import settings
from django.db import connection
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Permission
from apps.accounts.services import create_api_key, create_workspace
from apps.agents.models import Agent, AgentVersion
from apps.core import canonical
from apps.core.ids import new_id
from apps.providers.models import LanguageModel, Provider
from apps.runs.live import Announcer
from apps.runs.models import Event, Run
from apps.runs.statements import RECORD_STEP
from apps.runs.states import EventType, RunStatus, StopReason
from apps.runs.transitions import Move, apply_move
from cli.sse import ServerEvent, read_events
from workers.local.ports import free_port
from workers.local.readiness import await_http

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def live_process(**environment: str) -> Iterator[str]:
    """The real process on this test's database; its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--no-access-log"]
    process = subprocess.Popen(
        [*command, "--timeout-graceful-shutdown", "20"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url(), "CEF_REDIS_PREFIX": settings.CEF_REDIS_PREFIX} | environment,
    )
    try:
        await_http(f"{url}/healthz", 30)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def database_url() -> str:
    """The test database, which pytest-django named."""
    database = settings.DATABASES["default"]
    account = f"{quote(database['USER'])}:{quote(database['PASSWORD'])}"
    return f"postgresql://{account}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


@dataclass(frozen=True)
class Tenant:
    """A workspace with a key that may read runs."""

    workspace: Workspace
    user: User
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def make_tenant(slug: str = "acme", *scopes: Permission) -> Tenant:
    """A workspace, its owner, and a key of the owner."""
    user = User.objects.create_user(f"owner@{slug}.example", "a password")
    workspace = create_workspace(slug, name=slug.title(), owner=user)
    return Tenant(workspace, user, make_key(workspace, user, *scopes))


def make_key(workspace: Workspace, user: User, *scopes: Permission) -> str:
    """A key of the user, with the right to read runs unless other scopes are named."""
    membership = Membership.objects.get(workspace=workspace, user=user)
    issued = create_api_key(membership, name="test", scopes=scopes or (Permission.RUNS_READ,))
    return issued.text


def make_agent(workspace: Workspace, slug: str) -> AgentVersion:
    """An agent with one version."""
    provider = Provider.objects.create(workspace=workspace, slug=f"p-{new_id()}", name="Test", kind="scripted")
    model = LanguageModel.objects.create(workspace=workspace, provider=provider, name="m", script=[])
    agent = Agent.objects.create(workspace=workspace, slug=slug, name="Test")
    return AgentVersion.objects.create(
        workspace=workspace, agent=agent, number=1, model=model, context_budget_tokens=100, digest=bytes(32)
    )


def make_run(workspace: Workspace) -> UUID:
    """A queued run with its first event, as `create_run` leaves it."""
    version = make_agent(workspace, f"a-{new_id()}")
    run = Run.objects.create(
        workspace=workspace, agent=version.agent, agent_version=version, input=canonical.dump("hello"), event_seq=1
    )
    Event.objects.create(run_id=run.id, seq=1, type=EventType.QUEUED, data=b"{}")
    return run.id


class Worker:
    """Writes a run's life as the engine does, and rings for its readers; each method returns the event's number."""

    def __init__(self, run_id: UUID, redis_url: str = "") -> None:
        self.run_id = run_id
        quick = {"socket_timeout": 0.1, "socket_connect_timeout": 0.1, "retry": Retry(NoBackoff(), 0)}
        self._announcer = Announcer(Redis.from_url(redis_url or settings.REDIS_URL, **quick))

    def start(self) -> int:
        return self._move(RunStatus.RUNNING, EventType.STARTED)

    def step(self, n: int) -> int:
        row: dict[str, Any] = {
            "run": self.run_id, "epoch": 0, "key": f"model:{n}", "kind": "model", "name": "scripted:m",
            "tool_call_id": "", "digest": bytes(32), "request": None, "result": b"{}", "manifest": None,
            "error_code": "", "seconds": 0.1, "first_token_ms": None, "model_calls": 1, "input_tokens": 3,
            "output_tokens": 4, "cost_usd": 0, "event": canonical.dump({"kind": "model", "name": "scripted:m"}),
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(RECORD_STEP, row)
            seq = cursor.fetchone()[1]
        return self._told(seq)

    def succeed(self) -> int:
        return self._move(
            RunStatus.SUCCEEDED, EventType.SUCCEEDED, reason=StopReason.COMPLETED, output=canonical.dump("bye")
        )

    def _move(self, to: RunStatus, event: EventType, **details: Any) -> int:
        return self._told(apply_move(Move(run_id=self.run_id, to=to, event=event, **details)))

    def _told(self, seq: int) -> int:
        self._announcer.announce(self.run_id, seq)
        return seq


def finished_run(workspace: Workspace, steps: int = 0) -> UUID:
    """A run that has succeeded after so many steps."""
    worker = Worker(make_run(workspace))
    worker.start()
    for n in range(1, steps + 1):
        worker.step(n)
    worker.succeed()
    return worker.run_id


@dataclass
class Reader:
    """A client of one run that keeps every event; with `chance` it also breaks its connection at random."""

    url: str
    headers: dict[str, str]
    chance: float = 0.0
    seen: list[ServerEvent] = field(default_factory=list)
    connections: int = 0
    done: bool = False

    @property
    def numbers(self) -> list[int]:
        return [event.id for event in self.seen if event.id is not None]

    async def follow(self, http: httpx.AsyncClient) -> None:
        """Until the server says `done`."""
        while not self.done:
            try:
                await self.connect_once(http)
            except httpx.TransportError:
                await asyncio.sleep(0.05)

    async def connect_once(self, http: httpx.AsyncClient) -> None:
        """Until the server or chance ends it."""
        headers = self.headers | {"Last-Event-ID": str(self.numbers[-1] if self.numbers else 0)}
        async with http.stream("GET", self.url, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            self.connections += 1
            buffer = b""
            async for chunk in answer.aiter_bytes():
                *whole, buffer = (buffer + chunk).split(b"\n\n")
                for block in whole:
                    self._take(block + b"\n\n")
                if random.random() < self.chance:
                    return

    def _take(self, block: bytes) -> None:
        for event in read_events([block]):
            self.done = self.done or event.name == "done"
            if event.name:
                self.seen.append(event)
