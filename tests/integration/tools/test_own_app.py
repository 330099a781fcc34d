"""A Django app of one's own: its model, its tool, and an agent that uses it, as the second tutorial tells."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent

from apps.agents.selectors import version_bundle
from apps.providers.factory import build_model
from apps.providers.models import LanguageModel
from apps.tools.effects import Effect
from apps.tools.exceptions import ToolInputInvalid
from apps.tools.models import ToolVersion
from apps.tools.registry import registry
from apps.tools.toolset import build_tools
from tests.example_app.models import Ticket
from tests.example_app.tools import create_ticket
from tests.integration.accounts.people import make_workspace
from tests.integration.agents.making import make_agent, make_model, publish
from tests.unit.tools.calls import CALL, a_call, run_tool

pytestmark = pytest.mark.django_db(transaction=True)

PROJECT = Path(__file__).resolve().parents[3]
TUTORIAL = PROJECT / "docs" / "tutorial" / "02-a-tool-that-writes-to-your-model.md"

SCRIPT = [
    {"tool_calls": [{"name": "create_ticket", "args": {"subject": "{input}", "priority": "high"}}]},
    {"text": "I opened a ticket: {last_tool_result}"},
]


class Deps:
    """What the engine's own dependencies offer to tools."""

    def tool_call(self, tool_call_id: str, tool_name: str) -> Any:
        return CALL


def test_the_tool_is_registered_by_the_setting() -> None:
    assert registry().sources["create_ticket", "1.0.0"] == "tests.example_app.tools"
    row = ToolVersion.objects.get(tool__name="create_ticket")
    assert (row.effect, row.is_available) == (Effect.IDEMPOTENT, True)


def test_a_ticket_is_opened_once_however_often_the_step_is_tried() -> None:
    first = run_tool(create_ticket, subject="The parcel is late.", priority="high")
    again = run_tool(create_ticket, subject="The parcel is late.", priority="high")
    ticket = Ticket.objects.get()
    assert first == again == {"ticket": ticket.pk, "subject": "The parcel is late."}
    assert (ticket.key, ticket.workspace_id, ticket.priority) == (CALL.idempotency_key, CALL.workspace_id, "high")
    other = run_tool(create_ticket, a_call(idempotency_key="another step"), subject="The parcel is late.")
    assert other["ticket"] != ticket.pk


@pytest.mark.parametrize("arguments", [{}, {"subject": "x", "priority": "urgent"}, {"subject": " "}, {"subject": 1}])
def test_wrong_arguments_open_nothing(arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolInputInvalid):
        run_tool(create_ticket, **arguments)
    assert not Ticket.objects.exists()


def test_an_agent_opens_a_ticket() -> None:
    workspace = make_workspace("support")
    make_model(workspace)
    LanguageModel.objects.update(script={"turns": SCRIPT})
    bundle = version_bundle(publish(make_agent(workspace), tools=[{"name": "create_ticket"}]).id)
    agent = Agent(build_model(LanguageModel.objects.get()), tools=build_tools(bundle.tools), deps_type=Deps)
    answer = asyncio.run(agent.run("My parcel is late.", deps=Deps())).output
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.priority) == ("My parcel is late.", "high")
    assert answer.startswith("I opened a ticket: ")
    assert str(ticket.pk) in answer


@pytest.mark.parametrize("name", ["models", "tools", "apps"])
def test_the_tutorial_shows_this_code(name: str) -> None:
    shown = re.findall(r"```python\n# helpdesk/(\w+)\.py\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    code = (PROJECT / "tests" / "example_app" / f"{name}.py").read_text()
    assert dict(shown)[name] == code.replace("tests.example_app", "helpdesk")
