"""What tests of runs need around them: scripted agents, runs in any state, and the doorbell as the workers hear it."""

import json
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from redis import Redis

from apps.accounts.models import Workspace
from apps.agents.definition import read_definition
from apps.agents.models import Agent, AgentVersion
from apps.agents.services import create_agent, publish_version
from apps.core import canonical
from apps.core.ids import new_id
from apps.providers.models import LanguageModel
from apps.providers.services import create_model, create_provider
from apps.runs.models import Event, Run
from apps.runs.services import RunRequest, create_run
from apps.runs.statements import CLAIM, RECORD_STEP
from apps.runs.states import EventType, RunStatus, StopReason
from apps.runs.transitions import Move, apply_move

HELLO = [{"text": "Hello."}]


def make_model(workspace: Workspace, script: Any = HELLO, **fields: Any) -> LanguageModel:
    """A scripted model of a provider of its own."""
    provider = create_provider(workspace.id, slug=f"p{new_id().hex[-12:]}", kind="scripted")
    return create_model(provider, name="script", script=script, **fields)


def publish(agent: Agent, script: Any = HELLO, **definition: Any) -> AgentVersion:
    """The agent's next version; it plays the script unless the definition names a model."""
    model = definition.pop("model", None) or str(make_model(agent.workspace, script))
    return publish_version(agent, definition=read_definition({"model": model, **definition}))


def make_agent(workspace: Workspace, script: Any = HELLO, *, slug: str = "docs", **definition: Any) -> AgentVersion:
    """The first version of a new agent that plays the script."""
    return publish(create_agent(workspace.id, slug=slug), script, **definition)


def set_up_run(workspace: Workspace, agent: str = "docs", input: Any = "Hello?", **fields: Any) -> Run:
    """A queued run, and the agent when it is not there yet."""
    if not Agent.objects.filter(workspace=workspace, slug=agent).exists():
        make_agent(workspace, slug=agent)
    return create_run(workspace.id, RunRequest(agent=agent, input=input, **fields))


def make_worker(seconds: float = 60.0, slots: int = 10) -> UUID:
    """A worker process whose lease lasts so long; negative for one that has ended."""
    worker_id = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO runs_workerprocess (id, hostname, pid, slots, running, draining, expires_at) "
            "VALUES (%s, 'test', 1, %s, 0, false, now() + make_interval(secs => %s))",
            [worker_id, slots, seconds],
        )
    return worker_id


def end_lease(worker_id: UUID) -> None:
    """As if the worker had not renewed in time."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE runs_workerprocess SET expires_at = now() WHERE id = %s", [worker_id])


def one(statement: str, parameters: Any = None) -> dict[str, Any] | None:
    """The first row of a statement through Django's cursor, by column."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
        return None if row is None else dict(zip([column.name for column in cursor.description], row, strict=True))


def claim(worker_id: UUID | None = None) -> dict[str, Any] | None:
    """The next runnable run, as an engine would claim it; by a new worker unless one is named."""
    return one(CLAIM, {"worker": worker_id or make_worker(), "after": UUID(int=0)})


def step_row(run_id: UUID, epoch: int, key: str = "1/agent__model.request/0", **changes: Any) -> dict[str, Any]:
    """What RECORD_STEP binds for a model call of 3 tokens in and 4 out."""
    row: dict[str, Any] = {
        "run": run_id,
        "epoch": epoch,
        "key": key,
        "kind": "model",
        "name": "script",
        "tool_call_id": "",
        "digest": bytes(32),
        "request": None,
        "result": b'{"answer":42}',
        "manifest": None,
        "error_code": "",
        "seconds": 0.25,
        "first_token_ms": None,
        "model_calls": 1,
        "input_tokens": 3,
        "output_tokens": 4,
        "cost_usd": "0.00000500",
        "event": canonical.dump({"kind": "model", "name": "script"}),
        "effect": "committed",
        "checked": False,
    }
    return row | changes


def intent_row(run_id: UUID, epoch: int = 1, key: str = "1/pay/c", **changes: Any) -> dict[str, Any]:
    """What INTEND binds for a call of `pay`, as a try of its own."""
    row: dict[str, Any] = {
        "id": new_id(),
        "run": run_id,
        "epoch": epoch,
        "key": key,
        "tool": "pay",
        "digest": bytes(32),
        "arguments": b'{"amount":7}',
        "again": False,
    }
    return row | changes


def record(run_id: UUID, epoch: int, key: str = "1/agent__model.request/0", **changes: Any) -> dict[str, Any] | None:
    """A step recorded under the epoch's fence; None when the fence refused it."""
    return one(RECORD_STEP, step_row(run_id, epoch, key, **changes))


def finish(run: Run, to: RunStatus = RunStatus.SUCCEEDED, **changes: Any) -> int:
    """Bring a queued or running run to its end as a worker would; the number of its last event."""
    if Run.objects.get(id=run.id).status == RunStatus.QUEUED:
        Run.objects.filter(id=run.id).update(status=RunStatus.RUNNING, lease_epoch=1, attempt=1)
    reason = StopReason.COMPLETED if to == RunStatus.SUCCEEDED else StopReason.ERROR
    fields: dict[str, Any] = {"reason": reason, "event": EventType(f"run.{to.value}")}
    if to == RunStatus.SUCCEEDED:
        fields["output"] = canonical.dump("Hello.")
    if to == RunStatus.FAILED:
        fields |= {"error_code": "provider_unavailable", "error_detail": "It was away."}
    return apply_move(Move(run_id=run.id, to=to, **(fields | changes)))


def history(run_id: UUID) -> list[str]:
    """The types of the run's events in order; their numbers must have no hole."""
    rows = list(Event.objects.filter(run_id=run_id).order_by("seq").values_list("seq", "type"))
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    return [type_ for _, type_ in rows]


def counts() -> dict[str, int]:
    """How many rows there are of what a run writes."""
    return {model.__name__: model.objects.count() for model in (Run, Event)}


def bells() -> list[str]:
    """The runs that rang on the queue `runs`, the first first; the queue is empty afterwards."""
    redis = Redis.from_url(settings.REDIS_URL)
    queue = f"{settings.CEF_REDIS_PREFIX}runs"
    messages = [json.loads(message) for message in redis.lrange(queue, 0, -1)]
    redis.delete(queue)
    return [json.loads(b64decode(message["body"]))[0][0] for message in reversed(messages)]


def together(*actions: Callable[[], Any]) -> list[Any]:
    """What each action returned or raised when all began at the same moment, each on a connection of its own."""
    barrier = Barrier(len(actions), timeout=10)

    def act(action: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return action()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))
