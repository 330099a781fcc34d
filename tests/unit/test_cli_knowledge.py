"""`cef contexts` and `cef doctor` as a shell sees them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import cli
from tests.unit.cli_server import KEY, Answer, Asked, Server, cef, page, problem, serving

CONTEXT = {
    "id": "01939c5e-0000-7000-8000-000000000001", "path": "docs/api", "description": "How to.\nMore.", "head": 3,
    "parent_id": None, "created_at": "2026-11-23T09:30:00Z",
}  # fmt: skip
BASE = f"/api/v1/contexts/{CONTEXT['id']}"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def contexts(asked: Asked) -> Answer:
    return page(CONTEXT) if asked.query.get("path", "docs/api") == "docs/api" else page()


def test_contexts_are_listed_and_shown_by_path_or_id(server: Server) -> None:
    entry = {
        "key": "tone/voice", "kind": "instruction", "title": "Tone", "size": 1234, "pinned": True,
        "context_id": "another", "version": 1,
    }  # fmt: skip
    server.routes["GET /api/v1/contexts"] = contexts
    server.routes[f"GET {BASE}"] = Answer(body=CONTEXT)
    server.routes[f"GET {BASE}/entries"] = page(entry)
    server.routes[f"GET {BASE}/entries/tone/voice"] = Answer(body=entry | {"content": {"be": "kind"}})
    assert cef(server, "contexts", "list").stdout.split("\t")[:3] == ["docs/api", "3", "How to."]
    for name in ("docs/api", str(CONTEXT["id"])):
        shown = cef(server, "contexts", "show", name).stdout.splitlines()
        assert shown[0] == f"docs/api · version 3 · {CONTEXT['id']}"
        assert shown[-1].split("\t") == ["tone/voice", "instruction", "Tone", "1,234", "pinned", "inherited"]
    assert json.loads(cef(server, "contexts", "show", "docs/api", "--key", "tone/voice").stdout) == {"be": "kind"}
    missing = cef(server, "contexts", "show", "nowhere")
    assert (missing.exit_code, missing.stderr.splitlines()[0]) == (4, "Error: There is no context 'nowhere'.")


def test_passages_are_found_with_their_references(server: Server) -> None:
    hit = {
        "title": "Cancel",
        "heading": "Runs\nCancel a run",
        "ref": "doc:1@1:0-9",
        "score": 0.03279,
        "text": "POST.\n",
    }
    server.routes["GET /api/v1/contexts"] = contexts
    server.routes[f"GET {BASE}/search"] = [Answer(body={"data": [hit]}), Answer(body={"data": []})]
    found = cef(server, "contexts", "search", "docs/api", "how to cancel", "--limit", "3")
    assert found.stdout == "Cancel · Cancel a run · doc:1@1:0-9  0.0328\nPOST.\n"
    assert server.asked[-1].query == {"q": "how to cancel", "limit": "3"}
    assert cef(server, "contexts", "search", "docs/api", "x", "--json").stdout == "[]\n"


def job(state: str, **counts: int) -> dict[str, Any]:
    return {"id": "j1", "state": state, "total": 2, "done": 0, "skipped": 0, "failed": 0, "chunks": 0} | counts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two texts that can be ingested, and three files that cannot."""
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "a.md").write_text("# A")
    (tmp_path / "sub" / "b.txt").write_text("Bé")
    (tmp_path / "sub" / "c.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "d.png").write_bytes(b"png")
    (tmp_path / ".hidden" / "e.md").write_text("no")
    return tmp_path


def test_a_folder_is_ingested_and_watched_to_its_end(server: Server, folder: Path) -> None:
    server.routes["GET /api/v1/contexts"] = contexts
    server.routes["POST /api/v1/ingest-jobs"] = Answer(202, job("queued"))
    server.routes["GET /api/v1/ingest-jobs/j1"] = [
        Answer(body=job("running", done=1)),
        Answer(body=job("finished", done=1, skipped=1, chunks=7)),
    ]
    result = cef(server, "contexts", "ingest", str(folder), "--context", "docs/api", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [job("finished", done=1, skipped=1, chunks=7)]
    assert result.stderr.splitlines()[-1] == "2 documents: 1 ingested (7 passages), 1 unchanged, 0 failed."
    assert "Skipped" in result.stderr
    sent = next(asked for asked in server.asked if asked.method == "POST").body
    assert sent == {
        "context_id": CONTEXT["id"],
        "documents": [
            {"name": "a.md", "media_type": "text/markdown", "text": "# A"},
            {"name": "sub/b.txt", "media_type": "text/plain", "text": "Bé"},
        ],
    }


def test_many_documents_go_in_portions(server: Server, tmp_path: Path) -> None:
    for n in range(201):
        (tmp_path / f"{n:03}.md").write_text("x")
    server.routes["GET /api/v1/contexts"] = contexts
    server.routes["POST /api/v1/ingest-jobs"] = [
        Answer(202, job("finished", skipped=200) | {"id": "j1", "total": 200}),
        Answer(202, job("finished", skipped=1) | {"id": "j2", "total": 1}),
    ]
    result = cef(server, "contexts", "ingest", str(tmp_path), "--context", "docs/api")
    assert result.stderr == "201 documents: 0 ingested (0 passages), 201 unchanged, 0 failed.\n"
    assert [len(asked.body["documents"]) for asked in server.asked if asked.method == "POST"] == [200, 1]


def test_documents_that_failed_are_named(server: Server, folder: Path) -> None:
    items = page({"name": "a.md", "detail": "It is empty.", "reason": "empty"})
    server.routes["GET /api/v1/contexts"] = contexts
    server.routes["POST /api/v1/ingest-jobs"] = Answer(202, job("finished", failed=1, done=1))
    server.routes["GET /api/v1/ingest-jobs/j1/items"] = items
    result = cef(server, "contexts", "ingest", str(folder / "a.md"), "--context", "docs/api")
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: 1 documents could not be ingested:\n  a.md: It is empty.\n")


def test_a_missing_context_is_made_only_when_asked(server: Server, folder: Path) -> None:
    server.routes["GET /api/v1/contexts"] = page()
    server.routes["POST /api/v1/contexts"] = Answer(201, CONTEXT)
    server.routes["POST /api/v1/ingest-jobs"] = Answer(202, job("finished", skipped=2))
    assert cef(server, "contexts", "ingest", str(folder), "--context", "new").exit_code == 4
    assert [asked.method for asked in server.asked] == ["GET"]
    assert cef(server, "contexts", "ingest", str(folder), "--context", "new", "--create").exit_code == 0
    assert server.asked[2].body == {"path": "new"}


def test_nothing_to_ingest_is_a_usage_error(server: Server, folder: Path) -> None:
    result = cef(server, "contexts", "ingest", str(folder), "--context", "docs/api", "--include", "*.pdf")
    assert (result.exit_code, server.asked) == (2, [])


ME = {"name": "Ann", "role": "builder", "workspace_id": "w1", "workspaces": [{"id": "w1", "slug": "acme"}]}


def test_the_doctor_says_what_is_well(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    server.routes["GET /healthz"] = Answer(body={"database": "ok", "redis": "ok"})
    server.routes["GET /live/healthz"] = Answer(body={"database": "ok", "redis": "unreachable", "readers": 0})
    server.routes["GET /api/schema/"] = Answer(body={"info": {"version": "1.0.0"}})
    server.routes["GET /api/v1/me"] = Answer(body=ME)
    result = cef(server, "doctor", "--json")
    findings = {finding["part"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert result.exit_code == 0
    assert [(part, finding["verdict"]) for part, finding in findings.items()] == [
        ("target", "fine"), ("server", "fine"), ("version", "fine"), ("key", "fine"), ("live", "note"),
    ]  # fmt: skip
    assert findings["key"]["message"] == "It is Ann's, builder in the workspace acme."
    assert "Authorization" not in server.asked[0].headers


def test_the_doctor_says_what_is_wrong(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    server.routes["GET /healthz"] = Answer(body={"database": "ok", "redis": "ok"})
    server.routes["GET /api/v1/me"] = problem(401, "api_key_expired", "The API key has expired.")
    result = cef(server, "doctor")
    assert result.exit_code == 1
    assert "✗ key        The API key has expired. (api_key_expired)" in result.stdout
    assert KEY not in result.output


def test_the_doctor_without_a_server_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path)}).invoke(cli, ["doctor"])
    assert result.exit_code == 1
    assert result.stdout.startswith("✗ target     Nothing says which server to talk to. Set CEF_URL")
