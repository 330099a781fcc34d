"""With 50,000 waits in the table the statements that look for some still walk indexes."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from apps.accounts.permissions import Role
from apps.core.ids import new_id
from apps.runs.models import Wait
from apps.runs.wait_statements import CHILD_WAITS, DUE_WAITS, WAITS_OF_STEP
from apps.runs.waits import WaitFilter, waits_for
from tests.integration.runs.crowds import analyze
from tests.integration.runs.world import set_up_run
from tests.integration.waits.world import member

MANY = 50_000
_WAITS = """
INSERT INTO runs_wait (id, workspace_id, run_id, kind, state, run_step, tool_call_id, tool, prompt, arguments, digest,
    result, role, needed, services, due_at, on_due, escalate_role, child_id)
SELECT gen_random_uuid(), %(workspace)s, %(run)s, (ARRAY['approval', 'timer', 'child'])[1 + n %% 3],
    CASE WHEN n %% 1000 < 3 THEN 'open' ELSE 'resolved' END, n, 'c', 't', '', '{}', '\\x00', NULL, '', 1, false,
    now() + make_interval(secs => n), 'reject', '', %(run)s
FROM generate_series(1, %(many)s) AS n"""


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


def scans(statement: str, parameters: Any) -> list[str]:
    """The tables that are read from their beginning to their end."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        (found,) = cursor.fetchone()
    plan = found if isinstance(found, list) else json.loads(found)
    return [node["Relation Name"] for node in nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"]


@pytest.fixture
def crowd(support) -> Any:
    run = set_up_run(support)
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, {"workspace": support.id, "run": run.id, "many": MANY})
    analyze("runs_wait")
    return run


def test_it_works(support, crowd):
    bob = member(support, "bob", Role.OPERATOR)
    found = {
        "due": scans(DUE_WAITS, {}),
        "children": scans(CHILD_WAITS, {"after": UUID(int=0)}),
        "step": scans(WAITS_OF_STEP, {"run": crowd.id, "step": 7}),
    }
    assert {name: "runs_wait" in tables for name, tables in found.items()} == dict.fromkeys(found, False)
    inbox = str(waits_for(bob, WaitFilter()).order_by("-id")[:50].explain(format="json"))
    assert "wait_inbox" in inbox
    parent = Wait.objects.filter(child_id=new_id(), state="open").explain(format="json")
    assert "Seq Scan" not in str(parent)
