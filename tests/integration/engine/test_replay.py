"""A run that is stopped before each of its steps, and goes on, does and says what an undisturbed one does and says."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.contexts.models import Entry
from apps.contexts.services import create_context
from apps.core import canonical
from apps.runs.limits import Limits
from apps.runs.models import Run, Step
from apps.runs.services import Attachment, RunRequest, create_run, create_thread, resume_run
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output
from tests.integration.runs.world import make_agent

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def calls(*named: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "args": args} for name, args in named]}


def answer(n: Any) -> dict[str, Any]:
    return calls(("final_result", {"n": n}))


AGENTS: dict[str, dict[str, Any]] = {
    "parallel tools": {"script": [calls(*[("double", {"x": x}) for x in range(4)]), {"text": "{last_tool_result}"}]},
    "streaming": {"script": [calls(("double", {"x": 2})), {"text": "a b c d", "chunks": 4}], "streaming": True},
    "tools tried again": {"script": [*[calls(("later", {"n": n})) for n in (1, 2, 3)], {"text": "{last_tool_result}"}]},
    "wrong arguments": {"script": [calls(("double", {"y": 1})), calls(("double", {"x": 1})), {"text": "Done."}]},
    "a tool that is not there": {"script": [calls(("nothing", {})), calls(("double", {"x": 1})), {"text": "Done."}]},
    "unsafe tools": {"script": [calls(("pay", {"amount": 1})), calls(("pay", {"amount": 2})), {"text": "Paid."}]},
    "odd text": {"script": [calls(("odd", {})), calls(("odd", {})), {"text": "Done."}]},
    "an answer asked for again": {
        "script": [calls(("double", {"x": 1})), answer("many"), answer(7)],
        "output_schema": SCHEMA,
    },
    "a provider that fails at first": {
        "script": [calls(("double", {"x": 1})), {"error": {"status": 503}, "times": 1, "text": "There."}]
    },
}
TOOLS = [{"name": name} for name in ("double", "later", "odd", "pay")]


def undisturbed(submit: Callable[[Limits], Run]) -> Run:
    return ended(submit(Limits()))


def stopped_before_each_step(submit: Callable[[Limits], Run]) -> Run:
    run = ended(submit(Limits(steps=1)))
    while run.stop_reason == "budget_exceeded":
        resume_run(run.workspace_id, run.id, limits=Limits(steps=run.step_count + 1))
        run = ended(run)
    return run


def told(run: Run) -> list[tuple[str, Any]]:
    """Key and result of each step, without the times that a response carries."""
    rows = Step.objects.filter(run_id=run.id).values_list("key", "result")
    loaded = [(key, canonical.load(result)) for key, result in rows]
    return sorted((key, result.get("result") if "parts" not in result else _said(result)) for key, result in loaded)


def _said(response: dict[str, Any]) -> list[Any]:
    return [(part["part_kind"], part.get("content"), part.get("args")) for part in response["parts"]]


@pytest.mark.parametrize("kind", AGENTS)
def test_it_works(support, tools, host, kind):
    make_agent(support, tools=TOOLS, **AGENTS[kind])

    def submit(limits: Limits) -> Run:
        toolbox.calls.clear()
        return create_run(support.id, RunRequest(agent="docs", input="go", limits=limits))

    first = undisturbed(submit)
    made = dict(toolbox.calls)
    second = stopped_before_each_step(submit)
    assert (first.status, first.attempt) == ("succeeded", 1)
    assert (second.status, output(second)) == ("succeeded", output(first))
    assert second.attempt > 1
    assert told(second) == told(first)
    assert dict(toolbox.calls) == made
    assert (second.model_calls, second.step_count) == (first.model_calls, first.step_count)


def test_with_files_in_a_conversation(support, tools, host):
    make_agent(support, [calls(("double", {"x": 1})), calls(("double", {"x": 2})), {"text": "{input}"}], tools=TOOLS)
    thread = create_thread(support.id)
    picture = Attachment(name="a.png", media_type="image/png", data=b"\x89PNG\x00\xff")

    def submit(limits: Limits) -> Run:
        request = RunRequest(
            agent="docs", input="Look!", limits=limits, thread_id=thread.id, attachments=(picture,), streaming=True
        )
        return create_run(support.id, request)

    run = stopped_before_each_step(submit)
    assert (run.status, output(run), run.attempt) == ("succeeded", "Look!", 5)


def test_a_memory_is_written_once_and_read_on_the_way(support, tools, host):
    create_context(support.id, path="memory")
    script = [calls(("note", {"text": f"Note {n}.", "key": f"n{n}"})) for n in range(3)]
    make_agent(
        support,
        [*script, {"text": "Noted."}],
        tools=[{"name": "note"}],
        mounts=[{"context": "memory", "access": "write"}],
    )

    def submit(limits: Limits) -> Run:
        return create_run(support.id, RunRequest(agent="docs", input="Note!", limits=limits))

    run = stopped_before_each_step(submit)
    assert (run.status, output(run)) == ("succeeded", "Noted.")
    assert sorted(Entry.objects.values_list("key", "valid_from")) == [("n0", 1), ("n1", 2), ("n2", 3)]
    assert Step.objects.filter(run_id=run.id, kind="model", manifest__isnull=True).count() == 0
