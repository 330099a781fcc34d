"""The embedded language model answers as an OpenAI-compatible server: text, streams, JSON by schema, usage counts."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from workers.local.ports import HOST, free_port
from workers.local.processes import die_with_parent
from workers.local.readiness import await_http
from workers.local.weights import MODEL_NAME


class Topic(BaseModel):
    topic: str = Field(max_length=40)
    score: int = Field(ge=0, le=10)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "workers.local.llm", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent
    )
    await_http(f"http://{HOST}:{port}/health", 60)
    yield f"http://{HOST}:{port}"
    process.terminate()
    assert process.wait(timeout=10) != 0


def _agent(url: str, output_type: object = str) -> Agent:
    model = OpenAIChatModel(MODEL_NAME, provider=OpenAIProvider(base_url=f"{url}/v1", api_key="none"))
    settings = {"max_tokens": 120, "temperature": 0.0}
    return Agent(model, output_type=output_type, instructions="Answer briefly.", model_settings=settings)


def test_it_lists_the_one_model(url: str) -> None:
    models = httpx.get(f"{url}/v1/models").json()["data"]
    assert [model["id"] for model in models] == [MODEL_NAME]


def test_it_answers_with_usage_counts(url: str) -> None:
    result = _agent(url).run_sync("What is PostgreSQL?")
    assert result.output.strip()
    assert result.usage.input_tokens > 10
    assert 0 < result.usage.output_tokens <= 120


def test_it_streams(url: str) -> None:
    async def deltas() -> tuple[list[str], int]:
        async with _agent(url).run_stream("What is Redis?") as stream:
            return [
                delta async for delta in stream.stream_text(delta=True, debounce_by=None)
            ], stream.usage.output_tokens

    texts, tokens = asyncio.run(deltas())
    assert len(texts) > 1
    assert tokens > 1


def test_it_keeps_to_a_json_schema(url: str) -> None:
    answer = _agent(url, NativeOutput(Topic)).run_sync("Name the topic and a score: PostgreSQL is a database; score 7")
    assert isinstance(answer.output, Topic)
