"""pydantic-ai alone, in process, nothing kept: what the agent loop itself costs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic_ai import Agent

from benchmarks.peers.arms.scripted import MODEL, calculator
from benchmarks.peers.arms.serving import serve
from benchmarks.peers.load import Run


@asynccontextmanager
async def _opened() -> AsyncIterator[Run]:
    agent = Agent(MODEL, name="scripted", tools=[calculator])

    async def run(latency_s: float) -> str:
        return (await agent.run(str(latency_s))).output

    yield run


if __name__ == "__main__":
    serve(_opened)
