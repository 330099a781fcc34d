"""The engine stores and reads large payloads: results, answers, conversations, and what is too large to keep."""

import pytest

from apps.core.models import Blob
from apps.runs import payloads
from apps.runs.limits import Limits
from apps.runs.models import Effect, Run, Step
from apps.runs.payloads import LARGEST, digest_of
from apps.runs.services import RunRequest, create_run, create_thread, resume_run
from tests.integration.engine.following import ended, outcome, output
from tests.integration.runs.world import make_agent
from tests.integration.storage import toolbox
from tests.integration.storage.texts import LARGE, words


def call(name: str, **args) -> dict:
    return {"tool_calls": [{"name": name, "args": args, "id": f"{name}-1"}]}


def value(run: Run, row: bytes | None):
    return None if row is None else payloads.load(run.workspace_id, row)


def ask(workspace, script, *tools: str, **fields) -> Run:
    make_agent(workspace, script, tools=[{"name": name} for name in tools])
    return create_run(workspace.id, RunRequest(agent="docs", input="go", **fields))


def test_it_works(support, tools, host):
    run = ended(ask(support, [call("write", count=60_000), {"text": "{last_tool_result}"}], "write"))
    step = Step.objects.get(run_id=run.id, kind="tool")
    assert (run.status, value(run, run.output)) == ("succeeded", words(60_000))
    assert value(run, step.result) == {"result": words(60_000), "kind": "tool_return"}
    assert all(digest_of(row) is not None for row in (run.output, step.result))


def test_a_resume_reads_what_lies_apart(support, tools, host):
    run = ask(support, [call("write", count=60_000), {"text": "{last_tool_result}"}], "write", limits=Limits(steps=2))
    assert outcome(run)[2] == "budget_exceeded"
    toolbox.calls.clear()
    resume_run(support.id, run.id, limits=Limits(steps=5))
    ended(run)
    assert (run.status, value(run, run.output), toolbox.calls) == ("succeeded", words(60_000), {})


def test_a_large_input_and_a_long_conversation(support, host):
    make_agent(support, [{"text": "Yes."}])
    thread = create_thread(support.id)
    for _ in range(2):
        run = ended(create_run(support.id, RunRequest(agent="docs", input=LARGE, thread_id=thread.id)))
        assert (run.status, output(run)) == ("succeeded", "Yes.")
        assert LARGE in str(value(run, run.messages))
    assert digest_of(run.messages) is not None


def test_the_ledger_keeps_a_large_result_with_the_tools_own_writes(support, tools, host):
    run = ended(ask(support, [call("write_and_settle", count=60_000), {"text": "Done."}], "write_and_settle"))
    effect = Effect.objects.get(run_id=run.id)
    assert (effect.state, value(run, effect.result)) == ("committed", words(60_000))


def test_50_mebibytes_are_kept(support, tools, host):
    run = ended(ask(support, [call("fill", size=LARGEST - 1000), {"text": "Done."}], "fill"), seconds=60)
    step = Step.objects.get(run_id=run.id, kind="tool")
    assert (run.status, step.error_code) == ("succeeded", "")
    assert len(value(run, step.result)["result"]) == LARGEST - 1000


def test_more_is_the_tools_failure(support, tools, host):
    run = ended(ask(support, [call("fill", size=LARGEST - 1), {"text": "{last_tool_result}"}], "fill"), seconds=60)
    step = Step.objects.get(run_id=run.id, kind="tool")
    assert (run.status, step.error_code, toolbox.calls["fill"]) == ("succeeded", "tool_result_too_large", 1)
    assert "fill returned 52428801 bytes; 52428800 are accepted." in output(run)


def test_a_result_that_only_its_envelope_makes_too_large(support, tools, host):
    run = ended(ask(support, [call("fill", size=LARGEST - 2), {"text": "{last_tool_result}"}], "fill"), seconds=60)
    step = Step.objects.get(run_id=run.id, kind="tool")
    assert (run.status, step.error_code, toolbox.calls["fill"]) == ("succeeded", "tool_result_too_large", 1)
    assert Effect.objects.get(run_id=run.id).state == "committed"


def test_an_answer_that_is_too_large_fails_the_run(support, tools, host):
    run = ask(support, [call("fill", size=LARGEST - 1000), {"text": "{last_tool_result}" * 2}], "fill")
    ended(run, seconds=60)
    assert (run.status, run.stop_reason, run.error_code) == ("failed", "error", "payload_too_large")
    assert "at most 52428800 are kept" in run.error_detail


def test_equal_results_are_stored_once(support, tools, host):
    script = [call("write", count=60_000), call("write", count=60_000), {"text": "Done."}]
    script[1]["tool_calls"][0]["id"] = "again"
    run = ended(ask(support, script, "write"))
    results = Step.objects.filter(run_id=run.id, kind="tool").values_list("result", flat=True)
    assert (len(results), len(set(map(bytes, results))), Blob.objects.count()) == (2, 1, 1)


@pytest.fixture(autouse=True)
def _fresh():
    toolbox.reset()
