"""NUL and lone surrogates in what models and tools say: kept, replayed, exported and shown as they are."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from apps.accounts.models import Membership
from apps.accounts.services import create_api_key
from apps.contexts.changes import Author, Put
from apps.contexts.services import commit_entries, create_context
from apps.core import canonical
from apps.runs.limits import Limits
from apps.runs.models import Run, Step
from apps.runs.selectors import run_detail, run_export
from apps.runs.services import RunRequest, create_run, create_thread, resume_run
from tests.integration.accounts.people import bearer
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output, steps, tool_results
from tests.integration.engine.speaking import SpeakingProvider, calling, local_model
from tests.integration.live_support import live_process
from tests.integration.runs.world import make_agent

ODD = "a\x00b\ud800c"
MENDED = "a\x00b\ufffdc"
"""What a model is told of it: no client can send the other."""

Speak = Callable[..., SpeakingProvider]


@pytest.fixture
def speak(support) -> Iterator[Speak]:
    """An agent `docs` whose model says these messages."""
    with ExitStack() as stack:

        def make(*messages: dict[str, Any], **definition: Any) -> SpeakingProvider:
            provider = SpeakingProvider(*messages)
            model = local_model(support, stack.enter_context(provider.running()))
            make_agent(support, model=str(model), **definition)
            return provider

        yield make


def submit(workspace, text: Any = "go", **fields: Any) -> Run:
    return create_run(workspace.id, RunRequest(agent="docs", input=text, **fields))


def asked(provider: SpeakingProvider) -> list[dict[str, Any]]:
    """The messages of each request; every one was valid UTF-8 and JSON."""
    return [json.loads(body.decode())["messages"] for body in provider.requests]


def test_it_works(support, speak, host):
    speak({"content": ODD})
    run = ended(submit(support))
    assert (run.status, output(run)) == ("succeeded", ODD)
    assert run_detail(support.id, run.id)["output"] == ODD
    step = Step.objects.get(run_id=run.id)
    assert bytes(step.result).isascii()
    assert canonical.load(step.result)["parts"][0]["content"] == ODD


def test_from_a_tool(support, speak, tools, host):
    provider = speak(calling("odd"), {"content": "Done."}, tools=[{"name": "odd"}])
    run = ended(submit(support))
    assert (run.status, output(run)) == ("succeeded", "Done.")
    assert tool_results(run)["c"]["result"] == {"text": ODD}
    told = asked(provider)[1][-1]
    assert (told["role"], json.loads(told["content"])) == ("tool", {"text": MENDED})


def test_in_a_tools_arguments(support, speak, tools, host):
    """The library reads arguments strictly, so the model is told, and the tool is not called."""
    provider = speak(calling("mail", to=ODD), {"content": "Sorry."}, tools=[{"name": "mail"}])
    run = ended(submit(support))
    assert (run.status, output(run), toolbox.calls) == ("succeeded", "Sorry.", {})
    assert "json_invalid" in asked(provider)[1][-1]["content"]


def test_replayed(support, speak, tools, host):
    """The steps with odd text are read back from the journal; nothing is asked or called again."""
    provider = speak(calling("odd", "one"), calling("odd", "two"), {"content": ODD}, tools=[{"name": "odd"}])
    run = ended(submit(support, limits=Limits(steps=4)))
    assert (run.error_code, len(provider.requests), toolbox.calls["odd"]) == ("budget_exceeded", 2, 2)
    resume_run(support.id, run.id, limits=Limits(steps=9))
    ended(run)
    assert (run.status, output(run), len(provider.requests), toolbox.calls["odd"]) == ("succeeded", ODD, 3, 2)
    assert [epoch for _, _, epoch in steps(run)] == [1, 1, 1, 1, 2]
    assert [json.loads(message["content"]) for message in asked(provider)[2] if message["role"] == "tool"] == [
        {"text": MENDED},
        {"text": MENDED},
    ]


def test_in_a_conversation(support, speak, host):
    provider = speak({"content": ODD}, {"content": "Again?"})
    thread = create_thread(support.id)
    first = ended(submit(support, thread_id=thread.id))
    assert (first.status, output(first)) == ("succeeded", ODD)
    assert canonical.load(first.messages)[-1]["parts"][0]["content"] == ODD
    second = ended(submit(support, "What?", thread_id=thread.id))
    assert (second.status, output(second)) == ("succeeded", "Again?")
    assert [message["content"] for message in asked(provider)[1]] == ["go", MENDED, "What?"]


@pytest.mark.parametrize("mounted", [True, False])
def test_in_the_input(support, speak, host, mounted):
    """Not by REST, which refuses it, but by Python."""
    handbook = create_context(support.id, path="handbook")
    commit_entries(handbook, [Put("rule", "30 days")], by=Author("alice"))
    provider = speak({"content": "Done."}, mounts=[{"context": "handbook"}] if mounted else [])
    run = ended(submit(support, ODD))
    assert (run.status, output(run)) == ("succeeded", "Done.")
    assert canonical.load(run.input) == ODD
    (messages,) = asked(provider)
    assert "a\x00b" in messages[-1]["content"]


def test_over_rest(support, speak, tools, host):
    speak(calling("odd"), {"content": ODD}, tools=[{"name": "odd"}])
    run = ended(submit(support))
    client = bearer(create_api_key(Membership.objects.get(), name="t").text)
    found = {}
    for address in ("", "/steps", "/steps/2", "/events", "/export"):
        answer = client.get(f"/api/v1/runs/{run.id}{address}")
        assert answer.status_code == 200, address
        found[address] = json.loads(answer.content.decode())
    assert found[""]["output"] == ODD
    assert found["/steps/2"]["result"]["result"] == {"text": ODD}
    assert found["/export"]["steps"][1]["result"]["result"] == {"text": ODD}
    assert run_export(support.id, run.id)["output"] == ODD


def test_over_live(support, speak, host):
    speak({"content": ODD})
    headers = {"Authorization": f"Bearer {create_api_key(Membership.objects.get(), name='t').text}"}
    with live_process() as live:
        run = submit(support)
        waited = httpx.get(f"{live}/api/v1/runs/{run.id}/wait", headers=headers, timeout=30)
        told = httpx.get(f"{live}/api/v1/runs/{run.id}/events", headers=headers, timeout=30)
    assert (waited.status_code, json.loads(waited.content)["output"]) == (200, ODD)
    assert told.content.decode().count("event: ") == 5


def test_a_failure_whose_words_are_odd(support, speak, tools, host):
    """The error's detail is text in PostgreSQL, which holds neither."""
    turn = calling("double", x=ODD)
    speak(turn, tools=[{"name": "double"}])
    run = ended(submit(support))
    assert (run.status, run.error_code) == ("failed", "model_misbehaved")
    assert "\x00" not in run.error_detail
