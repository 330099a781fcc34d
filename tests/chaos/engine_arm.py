"""The engine under test: web, ops and several `runs` processes, spoken to by REST alone."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from subprocess import Popen
from typing import Any, ClassVar, Final

import httpx

from tests.chaos.arm import Arm
from tests.chaos.broker import Switchboard
from tests.chaos.cases import Case
from tests.chaos.watch import install
from workers.local.ports import HOST
from workers.local.private import wait_for

_PATIENCE_S: Final = 20.0
_FINAL: Final = {400, 401, 403, 404, 409, 422}
DONE: Final = """
SELECT id::text FROM runs_run WHERE id = ANY(%s::uuid[])
AND (status IN ('succeeded', 'failed', 'cancelled') OR status = 'waiting')"""

UNFINISHED: Final = "SELECT id FROM runs_run WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"
PARKED: Final = "SELECT id FROM runs_run WHERE status = 'waiting' AND stop_reason = 'outcome_unknown'"
GOING: Final = "SELECT id FROM runs_run WHERE status IN ('queued', 'running') ORDER BY random() LIMIT 40"


class EngineArm(Arm):
    """Ours."""

    name: ClassVar[str] = "cef"
    canary: ClassVar[str] = "workers.runs.advance"
    slots = 50

    def prepare(self) -> None:
        stack = self.stack
        self.board = Switchboard(lambda: stack.valkey.url, prefix="cef:", queue="runs")
        stack.manage("migrate", "--verbosity", "0", settings="config.settings.owner")
        install(stack.postgres.owner_url)
        self.http = self.client_of("chaos")
        self.fleet.add("web", self._start_web)
        self.fleet.add("ops", self._start_ops)
        self.fleet.add("quarantine", self._start_quarantine)
        wait_for(lambda: self._web_answers(), "web")

    def start_worker(self, name: str, variables: Mapping[str, str]) -> "Popen[bytes]":
        return self.stack.start_runs(name, slots=self.slots, env={**self.stack.linked(name), **variables})

    def client_of(self, workspace: str) -> httpx.AsyncClient:
        """For a new workspace with agents of its own."""
        spec = {"server": self.stack.server_url, "workspace": workspace}
        self.key = self.stack.seed(spec, module="tests.chaos.seeding")
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.stack.web_url, headers=headers, timeout=10, trust_env=False)

    async def submit(self, case: Case, thread: str | None) -> str | None:
        body = {"agent": case.agent, "input": case.text, "metadata": {"case": case.id}}
        if thread is not None:
            body["thread_id"] = thread
        answer = await self.ask("POST", "/api/v1/runs", body, case.id)
        return str(answer["id"]) if answer is not None else None

    async def new_thread(self) -> str | None:
        """A conversation to put runs into."""
        answer = await self.ask("POST", "/api/v1/threads", {"title": "chaos"})
        return str(answer["id"]) if answer is not None else None

    async def cancel(self, run: str) -> None:
        await self.ask("POST", f"/api/v1/runs/{run}/cancel", {})

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str = ""
    ) -> dict[str, Any] | None:
        """The answer of a request that is made again until it is understood; a refusal is none."""
        deadline, headers = time.monotonic() + _PATIENCE_S, {"Idempotency-Key": key} if key else {}
        while time.monotonic() < deadline:
            try:
                answer = await self.http.request(method, path, json=body, headers=headers)
            except httpx.HTTPError as error:
                self.ledger.write(kind="unanswered", path=path, error=type(error).__name__)
            else:
                if answer.status_code < 300:
                    found: dict[str, Any] = answer.json()
                    return found
                self.ledger.write(kind="refused", path=path, status=answer.status_code, body=answer.text[:300])
                if answer.status_code in _FINAL and "idempotency_in_flight" not in answer.text:
                    return None
            await asyncio.sleep(0.5)
        return None

    def done(self, runs: Sequence[str]) -> set[str]:
        return {str(row[0]) for row in self.query(DONE, list(runs))}

    def unfinished(self) -> int:
        return len(self.query(UNFINISHED))

    async def decide(self) -> None:
        """Do for every run that waits because of an unknown outcome what a person does: look, and say what was seen."""
        for row in await asyncio.to_thread(self.query, PARKED):
            path = f"/api/v1/runs/{row[0]}/effects"
            found = await self.ask("GET", path)
            for effect in (found or {"data": []})["data"]:
                if effect["undecided"]:
                    await self.ask("POST", f"{path}/{effect['id']}/resolve", await self._word(effect))

    async def _word(self, effect: dict[str, Any]) -> dict[str, Any]:
        looked = await self.http.get(f"{self.stack.server_url}/effect", params=effect["arguments"])
        happened = looked.status_code == 200
        self.ledger.write(kind="decided", effect=effect["id"], happened=happened)
        return {"decision": "happened", "result": looked.json()["receipt"]} if happened else {"decision": "run"}

    def duplicate(self, times: int) -> int:
        """Messages are acknowledged as they are taken, so there are few; the same are made for runs that go on."""
        going = [str(row[0]) for row in self.query(GOING)] * times
        for run in going:
            self.board.send(self.canary, run)
        return self.board.duplicate(times) + len(going)

    def _start_web(self, name: str, variables: Mapping[str, str]) -> "Popen[bytes]":
        where = ("--interface", "wsgi", "--host", HOST, "--port", str(self.stack.web_port), "--no-access-log")
        sizes = ("--workers", "1", "--blocking-threads", "8", "--log-level", "warning")
        env = {**self.stack.linked(name), **variables}
        return self.stack.spawn(name, "granian", *where, *sizes, "config.wsgi:application", env=env)

    def _start_quarantine(self, name: str, variables: Mapping[str, str]) -> "Popen[bytes]":
        flags = ("-P", "threads", "-c", "1", "--disable-prefetch", "--without-mingle", "--without-gossip")
        env = {**self.stack.linked(name), **variables}
        named = ("-Q", name, "-n", f"{name}@%h", "--loglevel", "INFO")
        return self.stack.spawn(name, "celery", "-A", "config", "worker", *named, *flags, env=env)

    def _start_ops(self, name: str, variables: Mapping[str, str]) -> "Popen[bytes]":
        flags = ("-Q", "ops", "-n", "ops@%h", "-P", "threads", "-c", "4", "--without-mingle", "--without-gossip", "-B")
        schedule = ("--schedule", str(self.stack.folder / "beat"))
        env = {**self.stack.linked(name), **variables}
        return self.stack.spawn(name, "celery", "-A", "config", "worker", *flags, *schedule, env=env)

    def _web_answers(self) -> bool:
        try:
            return httpx.get(f"{self.stack.web_url}/healthz", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False
