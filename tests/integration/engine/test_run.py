"""A run from its claim to its answer: each step recorded, counted and told."""

from decimal import Decimal

import pytest

from apps.contexts.changes import Author, Put
from apps.contexts.services import commit_entries, create_context
from apps.core import canonical
from apps.runs.models import Run, Step
from apps.runs.services import RunRequest, create_run
from tests.integration.engine.following import ended, events, outcome, output, steps, tool_results
from tests.integration.runs.world import history, make_agent, make_model, set_up_run

CONVERSATION = [
    {
        "tool_calls": [{"name": "double", "args": {"x": 21}, "id": "call-a"}],
        "usage": {"input_tokens": 100, "output_tokens": 10},
    },
    {"text": "It is {last_tool_result}.", "usage": {"input_tokens": 120, "output_tokens": 5}},
]


def submit(workspace, text="What is twice 21?", agent="docs", **fields) -> Run:
    return create_run(workspace.id, RunRequest(agent=agent, input=text, **fields))


def test_it_works(support, tools, host):
    model = make_model(support, CONVERSATION, input_price=Decimal(2), output_price=Decimal(10))
    make_agent(support, model=str(model), tools=[{"name": "double"}])
    run = ended(submit(support))
    assert (run.status, run.stop_reason, output(run)) == ("succeeded", "completed", "It is 42.")
    assert (run.attempt, run.crashes, run.lease_epoch, run.worker_id) == (1, 0, 1, None)
    assert (run.step_count, run.model_calls, run.input_tokens, run.output_tokens) == (3, 2, 220, 15)
    assert run.cost_usd == Decimal("0.00059")
    assert run.created_at <= run.started_at <= run.finished_at
    assert run.announced_at is not None
    assert run.messages is None
    assert steps(run) == [("model", "script", 1), ("tool", "double", 1), ("model", "script", 1)]
    told = [(type_, {k: v for k, v in data.items() if k != "duration_ms"}) for type_, data in events(run)]
    model_step = {"kind": "model", "name": "script"}
    assert told == [
        ("run.queued", {"agent": "docs"}),
        ("run.started", {"attempt": 1}),
        ("step.recorded", model_step | {"input_tokens": 100, "output_tokens": 10, "cost_usd": "0.000300"}),
        ("step.recorded", {"kind": "tool", "name": "double", "input_tokens": 0, "output_tokens": 0, "cost_usd": None}),
        ("step.recorded", model_step | {"input_tokens": 120, "output_tokens": 5, "cost_usd": "0.000290"}),
        ("run.succeeded", {}),
    ]


def test_the_journal_has_what_was_asked_and_answered(support, tools, host):
    make_agent(support, CONVERSATION, tools=[{"name": "double"}])
    run = ended(submit(support))
    first, call, last = Step.objects.filter(run_id=run.id)
    assert (call.key, call.tool_call_id) == ("1/tool:double/call-a", "call-a")
    assert canonical.load(call.request) == {"x": 21}
    assert tool_results(run) == {"call-a": {"result": 42, "kind": "tool_return"}}
    assert canonical.load(first.result)["parts"][0]["tool_name"] == "double"
    assert canonical.load(last.result)["parts"][0]["content"] == "It is 42."
    assert (first.key, last.key) == ("1/agent__model.request/0", "2/agent__model.request/0")


def test_many_at_once(support, tools, host):
    make_agent(support, CONVERSATION, tools=[{"name": "double"}])
    runs = [submit(support) for _ in range(40)]
    for run in runs:
        assert outcome(run) == ("succeeded", "completed", "")
        assert history(run.id) == ["run.queued", "run.started", *["step.recorded"] * 3, "run.succeeded"]


def test_results_reach_the_call_that_asked(support, tools, host):
    numbers = [{"name": "double", "args": {"x": x}, "id": f"call-{x}"} for x in range(10)]
    make_agent(support, [{"tool_calls": numbers}, {"text": "Done."}], tools=[{"name": "double"}])
    run = ended(submit(support))
    assert {call: result["result"] for call, result in tool_results(run).items()} == {
        f"call-{x}": 2 * x for x in range(10)
    }


def test_json_input_is_asked_as_json(support, host):
    make_agent(support, [{"text": "{input}"}])
    run = ended(submit(support, {"q": ["ü", 1, None]}))
    assert canonical.load(output(run).encode()) == {"q": ["ü", 1, None]}


@pytest.mark.parametrize("streaming", [True, False])
def test_a_structured_answer(support, host, streaming):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    answer = {"tool_calls": [{"name": "final_result", "args": {"city": "Bern", "people": 134794}}]}
    make_agent(support, [answer], output_schema=schema, streaming=streaming)
    run = ended(submit(support))
    assert (run.status, output(run)) == ("succeeded", {"city": "Bern", "people": 134794})


def test_an_answer_that_breaks_its_schema_is_asked_for_again(support, host):
    schema = {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]}
    script = [
        {"tool_calls": [{"name": "final_result", "args": {"people": "many"}}]},
        {"tool_calls": [{"name": "final_result", "args": {"people": 7}}]},
    ]
    make_agent(support, script, output_schema=schema)
    run = ended(submit(support))
    assert (run.status, output(run), run.model_calls) == ("succeeded", {"people": 7}, 2)


def test_an_answer_that_never_keeps_its_schema_fails_the_run(support, host):
    schema = {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]}
    script = {"turns": [{"tool_calls": [{"name": "final_result", "args": {"people": "many"}}]}], "repeat_last": True}
    make_agent(support, script, output_schema=schema)
    run = submit(support)
    assert outcome(run) == ("failed", "error", "model_misbehaved")
    assert run.output is None


@pytest.mark.parametrize("streaming", [True, False])
def test_streamed_or_not_the_answer_is_the_same(support, tools, host, streaming):
    make_agent(support, CONVERSATION, tools=[{"name": "double"}], streaming=streaming)
    run = ended(submit(support))
    assert (output(run), run.input_tokens, run.step_count) == ("It is 42.", 220, 3)
    first = Step.objects.get(run_id=run.id, n=1)
    assert first.key == f"1/agent__model.request{'_stream' if streaming else ''}/0"


def test_a_first_token_is_timed(support, host):
    make_agent(support, [{"text": "one two three four", "chunks": 4, "latency_s": 0.4}], streaming=True)
    run = ended(submit(support))
    step = Step.objects.get(run_id=run.id)
    assert 50 <= step.first_token_ms <= 350
    assert (step.finished_at - step.started_at).total_seconds() >= 0.4


def test_a_mounted_context_reaches_the_model_and_its_manifest_the_step(support, host):
    handbook = create_context(support.id, path="handbook")
    commit_entries(handbook, [Put("rule", "Refunds take 30 days.")], by=Author("alice"))
    make_agent(support, [{"text": "{input}"}], mounts=[{"context": "handbook"}], instructions="Be brief.")
    run = set_up_run(support, input="How long?")
    commit_entries(handbook, [Put("rule", "Refunds take 90 days.")], by=Author("alice"))
    ended(run)
    step = Step.objects.get(run_id=run.id)
    assert step.manifest is not None
    manifest = canonical.load(step.manifest)
    assert any("rule" in item.get("ref", "") for item in manifest["items"])
    assert output(run).strip().endswith("How long?")


def test_a_model_that_says_nothing_is_asked_again(support, host):
    make_agent(support, [{"text": ""}, {"text": "Now."}])
    run = ended(submit(support))
    assert (run.status, output(run), run.model_calls) == ("succeeded", "Now.", 2)
