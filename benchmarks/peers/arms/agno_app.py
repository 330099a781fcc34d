"""Agno's AgentOS with its durable queue: the ASGI application that uvicorn serves, with uvloop and httptools.

`QueueConfig(durable=True)` commits the accepted run before the answer; the run itself is saved when it ends, so that a
crash repeats all of it or, by default, fails it. The synchronous store is the one its notes call production's, and was
the faster one here. Replicas share their streams through Redis; one alone needs none. Telemetry is off and only
warnings are logged: its log lines cost more than a millisecond a run.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

from agno.agent import Agent
from agno.db.postgres import PostgresDb
from agno.job_queue.config import QueueConfig
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.os import AgentOS
from agno.utils.log import set_log_level_to_warning


def calculator(expression: str) -> str:
    """Work out a product of whole numbers."""
    left, right = expression.split("*")
    return str(int(left) * int(right))


class ScriptedModel(Model):
    """Calls the calculator, then tells what it said."""

    async def ainvoke(self, messages: list[Message], **_: Any) -> ModelResponse:
        asked = next(message for message in messages if message.role == "user")
        if latency_s := float(str(asked.content)):
            await asyncio.sleep(latency_s)
        return _reply(messages)

    async def ainvoke_stream(self, messages: list[Message], **settings: Any) -> AsyncIterator[ModelResponse]:
        yield await self.ainvoke(messages, **settings)

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        raise NotImplementedError

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Iterator[ModelResponse]:
        raise NotImplementedError

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        raise NotImplementedError

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        raise NotImplementedError


def _reply(messages: list[Message]) -> ModelResponse:
    last = messages[-1]
    if last.role == "tool":
        return ModelResponse(role="assistant", content=f"The answer is {last.content}.")
    call = {"name": "calculator", "arguments": json.dumps({"expression": "6 * 7"})}
    return ModelResponse(role="assistant", tool_calls=[{"id": uuid4().hex, "type": "function", "function": call}])


set_log_level_to_warning()
_db = PostgresDb(db_url=os.environ["PEER_DATABASE_URL"])
_agent = Agent(id="scripted", model=ScriptedModel(id="scripted"), tools=[calculator], db=_db, telemetry=False)
_queue = QueueConfig(durable=True, max_concurrency=200, redis=os.environ.get("PEER_REDIS_URL"))
app = AgentOS(agents=[_agent], db=_db, queue=_queue, telemetry=False).get_app()
