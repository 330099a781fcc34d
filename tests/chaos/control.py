"""The control arm: the same agent as a plain Celery task, acknowledged late, with nothing but Redis to remember it.

A careful version of what people write: bounded pools, a stable idempotency key, late acknowledgement, redelivery of
what a lost worker held, retries of the model's errors by the SDK, and a result that is not written twice on purpose.
"""

import asyncio
import os
import time
from typing import Final

import httpx
import psycopg
from celery import Celery, Task
from pydantic_ai import Agent, RunContext
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.chaos.calling import call_server

VISIBILITY_S: Final = 20
TABLE: Final = """
CREATE TABLE control_result (id bigserial PRIMARY KEY, task uuid, output text, at timestamptz DEFAULT now())"""
_PATIENCE_S: Final = 60.0

app = Celery("control", broker=os.environ.get("REDIS_URL"), fixups=[], set_as_current=False)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue="control",
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    visibility_timeout=VISIBILITY_S,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 2,
        "socket_timeout": 30,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "retry_on_timeout": True,
        "global_keyprefix": "control:",
    },
)

agent = Agent(deps_type=str)


@app.task(bind=True, name="control.run")
def run(self: Task, text: str) -> None:
    """Answer a prompt and write the answer down, unless that was done before."""
    task = str(self.request.id)
    if not _is_done(task):
        _write(task, asyncio.run(_answer(task, text)))


@app.task(name="control.canary")
def canary() -> None:
    """Consumed, and that is all."""


@agent.tool
async def look_up(ctx: RunContext[str], case: str, turn: int, call: int) -> str:
    """Look something up."""
    return await call_server("look_up", {"case": case, "turn": turn, "call": call}, {"X-Run": ctx.deps})


@agent.tool
async def reserve(ctx: RunContext[str], case: str, turn: int, call: int) -> str:
    """Reserve a place."""
    headers = {"X-Run": ctx.deps, "Idempotency-Key": f"{ctx.deps}/{turn}/{call}"}
    return await call_server("reserve", {"case": case, "turn": turn, "call": call}, headers)


@agent.tool
async def charge(ctx: RunContext[str], case: str, turn: int, call: int) -> str:
    """Charge a card."""
    return await call_server("charge", {"case": case, "turn": turn, "call": call}, {"X-Run": ctx.deps})


async def _answer(task: str, text: str) -> str:
    headers = {"X-Worker-Pid": str(os.getpid())}
    async with httpx.AsyncClient(verify=False, timeout=60, trust_env=False, headers=headers) as http:
        provider = OpenAIProvider(base_url=f"{os.environ['CHAOS_SERVER']}/v1", api_key="none", http_client=http)
        result = await agent.run(text, deps=task, model=OpenAIChatModel("fake", provider=provider))
        return result.output


def _is_done(task: str) -> bool:
    return bool(_execute("SELECT 1 FROM control_result WHERE task = %s", task))


def _write(task: str, output: str) -> None:
    _execute("INSERT INTO control_result (task, output) VALUES (%s, %s) RETURNING 1", task, output)


def _execute(statement: str, *parameters: str) -> list[object]:
    """Patient with a database that restarts."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as link:
                return list(link.execute(statement, parameters))
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
