"""The model asks a person, and goes on with the answer."""

import pytest

from apps.core import canonical
from apps.runs.exceptions import InvalidDecision, NotYoursToDecide
from apps.runs.models import Wait
from apps.runs.waiting import LARGEST_RESULT
from tests.integration.engine.following import ended, output, steps
from tests.integration.waits.world import agent_with, call, result_of, say, start, turn, waiting
from tests.waiting import eventually

SCHEMA = {"type": "object", "properties": {"size": {"enum": ["S", "M"]}}, "required": ["size"]}


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The built-in tools are installed."""


def ask(support, who, *, config=None, **args):
    args.setdefault("question", "Which size?")
    script = [turn(call("ask", **args)), {"text": "{last_tool_result}"}]
    agent_with(support, script, {"name": "ask", "config": config or {}})
    return start(who)


def test_it_works(support, alice, bob, host):
    run = ask(support, alice)
    [wait] = waiting(run)
    assert (wait.kind, wait.prompt, wait.answer_schema) == ("question", "Which size?", {"type": "string"})
    say(bob, wait, "answer", answer="M, please")
    assert (ended(run).status, output(run)) == ("succeeded", "M, please")
    assert steps(run) == [("model", "script", 1), ("model", "script", 2)]


def test_an_answer_keeps_the_schema(support, alice, bob, host):
    run = ask(support, alice, answer_schema=SCHEMA)
    [wait] = waiting(run)
    with pytest.raises(InvalidDecision) as refusal:
        say(bob, wait, "answer", answer={"size": "XL"})
    assert [fault.pointer for fault in refusal.value.errors] == ["/answer/size"]
    say(bob, wait, "answer", answer={"size": "S"})
    assert canonical.load(output(ended(run)).encode()) == {"size": "S"}


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("nul", "NUL and lone surrogates cannot be stored"),
        ("schema", "Not an accepted JSON Schema"),
        ("nothing", "ask_oddly names nothing that a run can wait for."),
        ("raises", "ask_oddly failed with KeyError."),
    ],
)
def test_a_tool_that_cannot_say_what_it_waits_for(how, told, support, alice, host):
    """The model hears of it; neither the run nor its process suffers."""
    script = [turn(call("ask_oddly", how=how)), {"text": "{last_tool_result}"}]
    agent_with(support, script, {"name": "ask_oddly"})
    run = ended(start(alice))
    assert (run.status, run.crashes, Wait.objects.count()) == ("succeeded", 0, 0)
    assert told in output(run)
    assert "hunter2" not in output(run)


def test_who_asked_for_the_run_may_answer(support, alice, host):
    run = ask(support, alice)
    say(alice, waiting(run)[0], "answer", answer="L")
    assert output(ended(run)) == "L"


def test_nobody_has_to_answer(support, alice, bob, host):
    run = ask(support, alice)
    say(bob, waiting(run)[0], "reject", note="No idea.")
    assert output(ended(run)) == '{"error":"The question was not answered. No idea."}'


def test_a_question_is_not_approved(support, alice, bob, host):
    [wait] = waiting(ask(support, alice))
    with pytest.raises(InvalidDecision):
        say(bob, wait, "approve")


def test_a_role_of_the_binding(support, alice, bob, carol, host):
    run = ask(support, alice, config={"role": "admin"})
    [wait] = waiting(run)
    with pytest.raises(NotYoursToDecide):
        say(bob, wait, "answer", answer="M")
    say(carol, wait, "answer", answer="M")
    assert output(ended(run)) == "M"


def test_nobody_answers_in_time(support, alice, host):
    run = ask(support, alice, config={"due_seconds": 0.2})
    assert output(ended(run)) == '{"error":"Nobody answered in time."}'
    assert Wait.objects.get().state == "expired"


def test_a_schema_that_is_none(support, alice, host):
    run = ended(ask(support, alice, answer_schema={"type": "banana"}))
    assert run.status == "succeeded"
    assert "Not an accepted JSON Schema" in output(run)
    assert Wait.objects.count() == 0


def test_text_that_postgresql_cannot_hold(support, alice, bob, host):
    run = ask(support, alice)
    say(bob, waiting(run)[0], "answer", answer="x\x00y\ud800z")
    assert output(ended(run)) == "x\x00y\ufffdz"


def test_an_answer_that_is_too_long(support, alice, bob, host):
    [wait] = waiting(ask(support, alice))
    with pytest.raises(InvalidDecision):
        say(bob, wait, "answer", answer="x" * LARGEST_RESULT)
    assert Wait.objects.get().state == "open"


@pytest.mark.parametrize("answer", ["", None, 0, False, []])
def test_empty_answers_are_answers(answer, support, alice, bob, host):
    script = [turn(call("ask", question="What?", answer_schema={})), {"text": "It is [{last_tool_result}]."}]
    agent_with(support, script, {"name": "ask"})
    run = start(alice)
    [wait] = waiting(run)
    say(bob, wait, "answer", answer=answer)
    assert ended(run).status == "succeeded"
    assert result_of(wait) == {"ending": "returned", "value": answer}


def test_a_question_that_needs_consent_first(support, alice, bob, carol, host):
    script = [turn(call("ask", question="Which size?")), {"text": "{last_tool_result}"}]
    agent_with(support, script, {"name": "ask", "approval": {"role": "admin"}})
    run = start(alice)
    [consent] = waiting(run)
    assert consent.kind == "approval"
    say(carol, consent, "approve", arguments={"question": "Which colour?"})
    question = eventually(lambda: Wait.objects.filter(kind="question").first())
    assert question.prompt == "Which colour?"
    say(bob, question, "answer", answer="Red")
    assert (ended(run).status, output(run), run.model_calls) == ("succeeded", "Red", 2)
