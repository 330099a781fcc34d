"""LangGraph's library with its PostgreSQL checkpointer, in process.

The graph of its quickstart: a model node, a `ToolNode`, an edge back. The checkpointer has a pool with the settings
that its page asks for. `durability="sync"` commits each step before the next one starts, as the other durable arms do;
with the default, "async", a step may be lost in a crash, and a run costs 0.5 to 0.8 ms of CPU less. The prebuilt agent,
now deprecated, costs 0.7 ms more than this graph.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.peers.arms.serving import serve
from benchmarks.peers.load import Run

_CONNECTIONS = 16


@tool
def calculator(expression: str) -> str:
    """Work out a product of whole numbers."""
    left, right = expression.split("*")
    return str(int(left) * int(right))


class ScriptedModel(BaseChatModel):
    """Calls the calculator, then tells what it said."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        if latency_s := float(str(messages[0].content)):
            await asyncio.sleep(latency_s)
        return ChatResult(generations=[ChatGeneration(message=_reply(messages))])


def _reply(messages: Sequence[BaseMessage]) -> AIMessage:
    last = messages[-1]
    if isinstance(last, ToolMessage):
        return AIMessage(f"The answer is {last.content}.")
    call = {"name": "calculator", "args": {"expression": "6 * 7"}, "id": uuid4().hex}
    return AIMessage("", tool_calls=[call])


_MODEL = ScriptedModel()


async def _model(state: MessagesState) -> dict[str, list[BaseMessage]]:
    return {"messages": [await _MODEL.ainvoke(state["messages"])]}


def _graph(saver: AsyncPostgresSaver) -> CompiledStateGraph[Any, Any, Any, Any]:
    graph = StateGraph(MessagesState)
    graph.add_node("model", _model)
    graph.add_node("tools", ToolNode([calculator]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(checkpointer=saver)


@asynccontextmanager
async def _opened() -> AsyncIterator[Run]:
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    url = os.environ["PEER_DATABASE_URL"]
    async with AsyncConnectionPool(url, min_size=_CONNECTIONS, max_size=_CONNECTIONS, kwargs=settings) as pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        graph = _graph(saver)

        async def run(latency_s: float) -> str:
            state = {"messages": [HumanMessage(str(latency_s))]}
            config = {"configurable": {"thread_id": uuid4().hex}}
            done = await graph.ainvoke(state, config, durability="sync")
            return str(done["messages"][-1].content)

        yield run


if __name__ == "__main__":
    serve(_opened)
