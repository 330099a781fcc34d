"""Whose consent the calls of a bound tool need: checked when it is published, and kept with the version."""

import pytest

from apps.accounts.models import Membership
from apps.agents.exceptions import InvalidAgentDefinition
from apps.agents.models import Agent, AgentVersion
from apps.agents.selectors import definition_of, version_bundle
from apps.tools.approval import ApprovalPolicy
from apps.tools.models import ToolVersion
from tests.integration.agents.making import publish
from tests.integration.agents.test_admin import add_url, publishing, staff

__all__ = ["staff"]

POLICY = {"when": 'len(expression) > 10 and expression != "6*7"', "role": "admin", "needed": 2, "due_seconds": 60}


def bound(policy: object) -> dict:
    return {"tools": [{"name": "calculator", "approval": policy}]}


def faults(agent: Agent, policy: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidAgentDefinition) as refusal:
        publish(agent, **bound(policy))
    assert AgentVersion.objects.count() == 0
    return [(fault.pointer, fault.code) for fault in refusal.value.errors]


def test_it_works(agent: Agent) -> None:
    version = publish(agent, **bound(POLICY))
    kept = ApprovalPolicy.model_validate(POLICY)
    assert version_bundle(version.id).tools[0].approval == kept
    assert definition_of(version).tools[0].approval == kept
    assert publish(agent, **definition_of(version).model_dump(mode="json")) == version


def test_a_tool_without_a_policy(agent: Agent) -> None:
    version = publish(agent, tools=[{"name": "calculator"}])
    assert version_bundle(version.id).tools[0].approval is None
    assert definition_of(version).tools[0].approval is None


def test_another_policy_makes_another_version(agent: Agent) -> None:
    numbers = [publish(agent, **bound(policy)).number for policy in (None, {}, {}, POLICY, None)]
    assert numbers == [1, 2, 2, 3, 4]


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        ({"when": "amount > 1"}, ("/tools/0/approval/when", "condition_invalid")),
        ({"when": "open('x')"}, ("/tools/0/approval/when", "condition_invalid")),
        ({"when": "expression >"}, ("/tools/0/approval/when", "condition_invalid")),
        ({"assignee": "nobody@example.org"}, ("/tools/0/approval/assignee", "member_not_found")),
        ({"role": "viewer"}, ("/tools/0/approval", "role_may_not")),
        ({"on_due": "approve"}, ("/tools/0/approval", "due_missing")),
        ({"whom": "me"}, ("/tools/0/approval/whom", "extra_forbidden")),
    ],
)
def test_what_makes_no_sense(policy: dict, fault: tuple[str, str], agent: Agent) -> None:
    assert faults(agent, policy) == [fault]


def test_an_assignee_is_a_member(agent: Agent, bob: Membership, charlie: Membership) -> None:
    publish(agent, **bound({"assignee": "Bob@example.org"}))
    with pytest.raises(InvalidAgentDefinition):
        publish(agent, **bound({"assignee": "charlie@example.org"}))


def test_in_the_admin(staff, agent: Agent) -> None:  # the fixture
    publish(agent, tools=[])
    calculator = ToolVersion.objects.get(tool__name="calculator")
    row = {
        "tool_bindings-TOTAL_FORMS": "1",
        "tool_bindings-0-tool_version": str(calculator.pk),
        "tool_bindings-0-config": "{}",
        "tool_bindings-0-approval": '{"when": "always", "needed": 2}',
    }
    assert staff.post(add_url(agent), publishing(agent, **row)).status_code == 302
    newest = agent.versions.order_by("-number").first()
    assert newest is not None
    assert definition_of(newest).tools[0].approval == ApprovalPolicy(needed=2)
    assert "&quot;needed&quot;: 2" in staff.get(add_url(agent)).content.decode()
    refused = staff.post(add_url(agent), publishing(agent, **row | {"tool_bindings-0-approval": '{"when": "x > 1"}'}))
    assert "The tool has no argument x." in refused.content.decode()
