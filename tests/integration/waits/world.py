"""Runs that wait, and the words of those who decide."""

from typing import Any

from apps.accounts.models import User, Workspace
from apps.accounts.permissions import Role
from apps.accounts.principals import Principal
from apps.accounts.selectors import user_principal
from apps.core import canonical
from apps.runs.models import Run, Wait
from apps.runs.services import Origin, RunRequest, create_run
from apps.runs.services.waits_deciding import Word, decide_wait
from apps.runs.states import RunStatus, Verdict
from tests.integration.accounts.people import join, make_user
from tests.integration.engine.following import reached
from tests.integration.runs.world import make_agent


def principal_of(workspace: Workspace, name: str) -> Principal:
    return user_principal(User.objects.get(email=f"{name}@example.org"), workspace.slug)


def member(workspace: Workspace, name: str, role: Role) -> Principal:
    join(workspace, make_user(name), role)
    return principal_of(workspace, name)


def call(name: str, ref: str = "c0", /, **args: Any) -> dict[str, Any]:
    """A tool call of a scripted turn."""
    return {"name": name, "args": args, "id": ref}


def turn(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": list(calls)}


def agent_with(workspace: Workspace, script: list[Any], *tools: dict[str, Any], **definition: Any) -> None:
    make_agent(workspace, script, tools=list(tools), **definition)


def start(principal: Principal, agent: str = "docs") -> Run:
    """A run that this principal asked for."""
    origin = Origin(kind=principal.kind, id=principal.id)
    return create_run(principal.workspace_id, RunRequest(agent=agent, input="go"), origin=origin)


def waiting(run: Run, count: int = 1) -> list[Wait]:
    """The open waits of the run, in the order of their calls, once it waits for as many."""
    reached(run, RunStatus.WAITING, RunStatus.FAILED)
    waits = list(Wait.objects.filter(run=run, state="open").order_by("id"))
    assert (run.status, len(waits)) == ("waiting", count), (run.error_detail, run.stop_reason)
    return waits


def say(principal: Principal, wait: Wait, verdict: str, **said: Any) -> Wait:
    """The wait after this word about what is to be decided now."""
    word = {"digest": bytes(Wait.objects.get(id=wait.id).digest), "verdict": Verdict(verdict)} | said
    return decide_wait(principal, wait.id, Word(**word))


def result_of(wait: Wait) -> Any:
    wait.refresh_from_db()
    return None if wait.result is None else canonical.load(wait.result)
