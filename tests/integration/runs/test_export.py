"""Everything the platform holds about a run, as JSON."""

import json

import pytest

from apps.core import canonical
from apps.core.renderers import FastJSONRenderer
from apps.runs.exceptions import RunNotFound
from apps.runs.models import Run
from apps.runs.selectors import run_export
from apps.runs.services import Attachment, RunRequest, create_run
from apps.runs.statements import INTEND, RECORD_EFFECT_STEP
from tests.integration.runs.world import claim, finish, intent_row, make_agent, one, record, set_up_run, step_row

ODD = "a\x00b\ud800c"


def test_it_works(support):
    make_agent(support)
    file = Attachment(name="a.txt", media_type="text/plain", data=b"abc")
    run = create_run(support.id, RunRequest(agent="docs", input="Hi", metadata={"k": 1}, attachments=(file,)))
    claim()
    record(run.id, 1, manifest=canonical.dump({"items": []}))
    one(INTEND, intent_row(run.id, key="1/t/a", tool="note"))
    told = b'{"result":"ok","kind":"tool_return"}'
    step = {"kind": "tool", "name": "note", "model_calls": 0, "request": b'{"text":"x"}', "result": told}
    one(RECORD_EFFECT_STEP, step_row(run.id, 1, "1/t/a", **step))
    finish(run)
    export = run_export(support.id, run.id)
    assert (export["id"], export["status"], export["input"], export["output"]) == (run.id, "succeeded", "Hi", "Hello.")
    assert [file["name"] for file in export["attachments"]] == ["a.txt"]
    assert [(step["n"], step["key"], step["kind"]) for step in export["steps"]] == [
        (1, "1/agent__model.request/0", "model"),
        (2, "1/t/a", "tool"),
    ]
    assert [(step["request"], step["result"], step["manifest"]) for step in export["steps"]] == [
        (None, {"answer": 42}, {"items": []}),
        ({"text": "x"}, {"result": "ok", "kind": "tool_return"}, None),
    ]
    assert [event["type"] for event in export["events"]] == [
        "run.queued",
        "run.started",
        "step.recorded",
        "step.recorded",
        "run.succeeded",
    ]
    (effect,) = export["effects"]
    assert effect["settled_at"] is not None
    assert {name: effect[name] for name in ("key", "tool", "state", "arguments", "result", "step")} == {
        "key": "1/t/a",
        "tool": "note",
        "state": "committed",
        "arguments": {"amount": 7},
        "result": "ok",
        "step": 2,
    }


def test_odd_text_survives(support):
    run = set_up_run(support, input=ODD)
    claim()
    record(run.id, 1, result=canonical.dump({"result": ODD}), request=canonical.dump({"text": ODD}))
    finish(run, output=canonical.dump(ODD))
    export = json.loads(FastJSONRenderer().render(run_export(support.id, run.id)))
    step = export["steps"][0]
    assert (export["input"], export["output"], step["result"], step["request"]) == (
        ODD,
        ODD,
        {"result": ODD},
        {"text": ODD},
    )


def test_a_run_that_did_nothing_yet(support):
    run = set_up_run(support)
    export = run_export(support.id, run.id)
    assert (export["steps"], export["effects"], export["output"]) == ([], [], None)
    assert [event["type"] for event in export["events"]] == ["run.queued"]


def test_every_column_of_the_run_is_there_or_known_to_be_internal(support):
    """A new column must be exported, or be named here on purpose."""
    internal = {
        "crashes",
        "lease_epoch",
        "worker_id",
        "next_wake_at",
        "deadline_at",
        "messages",
        "event_seq",
        "announced_at",
        "workspace_id",
        "cancel_reason",
        "quarantined",
        "api_key_id",
        "account_ids",
    }
    renamed = {
        "agent_id": "agent",
        "agent_version_id": "agent_version",
        "error_code": "error",
        "error_detail": "error",
        "step_count": "usage",
        "model_calls": "usage",
        "input_tokens": "usage",
        "output_tokens": "usage",
        "cost_usd": "usage",
        "rerun_of_id": "rerun_of",
    }
    export = run_export(support.id, set_up_run(support).id)
    columns = {field.attname for field in Run._meta.concrete_fields} - internal
    assert {renamed.get(column, column) for column in columns} - export.keys() == {
        "created_by_kind",
        "created_by_id",
        "request_id",
        "queued_at",
        "schedule_id",
    }


def test_another_workspaces_run_is_not_there(support, sales):
    with pytest.raises(RunNotFound):
        run_export(support.id, set_up_run(sales).id)
