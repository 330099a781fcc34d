"""`cef` against the real `web` and `live`: the shapes that it expects are the shapes that they send."""

import json
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from apps.accounts.permissions import KEY_SCOPES
from apps.contexts.changes import Author, Put
from apps.contexts.services import commit_entries, create_context
from apps.runs.models import Run
from cli.main import cli
from tests.integration.live_support import Tenant, Worker, live_process, make_agent, make_tenant
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def live(django_db_setup: None) -> Iterator[str]:
    with live_process() as url:
        yield url


@pytest.fixture
def alice() -> Tenant:
    return make_tenant("alice", *KEY_SCOPES)


@pytest.fixture
def shell(live: str, live_server: LiveServer, alice: Tenant) -> CliRunner:
    """Where `cef` is called: it knows both servers and Alice's key."""
    return CliRunner(env={"CEF_URL": live_server.url, "CEF_LIVE_URL": live, "CEF_API_KEY": alice.key})


def cef(shell: CliRunner, *arguments: str) -> Result:
    return shell.invoke(cli, list(arguments))


def work() -> None:
    """Take the one run when it is there, and do it in two steps."""
    try:
        worker = Worker(eventually(lambda: Run.objects.values_list("id", flat=True).first()))
        worker.start()
        worker.step(1)
        worker.step(2)
        worker.succeed()
    finally:
        connection.close()


def test_it_works(shell: CliRunner, alice: Tenant) -> None:
    make_agent(alice.workspace, "docs")
    working = threading.Thread(target=work)
    working.start()
    result = cef(shell, "run", "docs", "How?", "--metadata", "ticket=4711")
    working.join()
    assert (result.exit_code, result.stdout) == (0, "bye\n")
    assert [line.split()[:4] for line in result.stderr.splitlines()[:2]] == [
        ["1", "✓", "model", "scripted:m"],
        ["2", "✓", "model", "scripted:m"],
    ]
    assert result.stderr.splitlines()[2].startswith("succeeded · 2 steps · 6 → 8 tokens · no cost · ")
    run = Run.objects.get()
    assert (run.metadata, run.streaming, run.created_by_id) == ({"ticket": "4711"}, True, alice.user.id)
    shown = json.loads(cef(shell, "runs", "show", str(run.id), "--json").stdout)
    assert (shown["input"], [step["n"] for step in shown["steps"]]) == ("How?", [1, 2])
    assert [row["id"] for row in json.loads(cef(shell, "runs", "list", "--agent", "docs", "--json").stdout)] == [
        str(run.id)
    ]
    told = [
        json.loads(line)["type"] for line in cef(shell, "runs", "follow", str(run.id), "--json").stdout.splitlines()
    ]
    assert told == ["run.queued", "run.started", "step.recorded", "step.recorded", "run.succeeded", "run"]


def test_a_run_is_stopped_and_not_found_and_not_resumed(shell: CliRunner, alice: Tenant) -> None:
    make_agent(alice.workspace, "docs")
    run_id = cef(shell, "run", "docs", "How?", "--detach").stdout.strip()
    assert cef(shell, "runs", "cancel", run_id).stderr == "The run is cancelled.\n"
    assert cef(shell, "runs", "follow", run_id).exit_code == 6
    assert cef(shell, "runs", "resume", run_id).exit_code == 5
    assert cef(shell, "runs", "show", run_id.replace("0", "1")).exit_code == 4
    assert cef(shell, "run", "nobody", "How?").exit_code == 4


def test_what_the_server_refuses_is_told_with_its_code(shell: CliRunner, alice: Tenant) -> None:
    make_agent(alice.workspace, "docs")
    empty = cef(shell, "run", "docs", "")
    assert (empty.exit_code, empty.stdout) == (1, "")
    surrogate = cef(shell, "run", "docs", '"\\ud800"', "--json-input")
    assert surrogate.exit_code == 1
    assert Run.objects.count() == 0


def test_agents_and_contexts_are_shown(shell: CliRunner, alice: Tenant) -> None:
    make_agent(alice.workspace, "docs")
    context = create_context(alice.workspace.id, path="docs/api", description="How to.")
    commit_entries(context, [Put("tone", "Be kind.", title="Tone")], by=Author("user:alice"), message="first")
    assert cef(shell, "agents", "list").stdout.startswith("docs\t")
    assert "version 1 · " in cef(shell, "agents", "show", "docs").stdout
    assert [line.split("\t")[0] for line in cef(shell, "contexts", "list").stdout.splitlines()] == ["docs", "docs/api"]
    assert cef(shell, "contexts", "show", "docs/api").stdout.splitlines()[-1].split("\t")[0] == "tone"
    assert cef(shell, "contexts", "show", "docs/api", "--key", "tone").stdout == "Be kind.\n"
    assert cef(shell, "contexts", "search", "docs/api", "kindness").exit_code == 0


def test_the_doctor_is_content(shell: CliRunner, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    result = cef(shell, "doctor")
    assert result.exit_code == 0, result.output
    assert "owner in the workspace alice" in result.stdout
