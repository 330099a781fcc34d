"""`cef caps` as a shell sees it."""

import json
from collections.abc import Iterator

import pytest

from tests.unit.cli_server import Answer, Server, cef, page, serving

CAP = {
    "id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a13",
    "kind": "agent",
    "subject": "docs",
    "slots": 5,
    "running": 3,
    "created_at": "2026-11-23T09:30:00Z",
}
LINE = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a13\tagent\tdocs\t3\t5\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_it_works(server: Server) -> None:
    server.routes["GET /api/v1/caps"] = page(CAP)
    assert cef(server, "caps", "list").stdout == LINE
    assert json.loads(cef(server, "caps", "list", "--json").stdout) == [CAP]


def test_none(server: Server) -> None:
    server.routes["GET /api/v1/caps"] = page()
    assert cef(server, "caps", "list").stderr == "Nothing is capped.\n"


@pytest.mark.parametrize(
    ("options", "subject"),
    [
        ((), {"kind": "workspace"}),
        (("--agent", "docs"), {"kind": "agent", "subject": "docs"}),
        (("--key", "Ab12Cd34"), {"kind": "key", "subject": "Ab12Cd34"}),
    ],
)
def test_setting_one(server: Server, options: tuple[str, ...], subject: dict[str, str]) -> None:
    server.routes["POST /api/v1/caps"] = Answer(body=CAP)
    assert cef(server, "caps", "set", "5", *options).stdout == LINE
    assert server.asked[0].body == {**subject, "slots": 5}


def test_it_cannot_be_of_two(server: Server) -> None:
    refused = cef(server, "caps", "set", "5", "--agent", "docs", "--key", "Ab12Cd34")
    assert (refused.exit_code, server.asked) == (2, [])


def test_removing_one(server: Server) -> None:
    path = f"/api/v1/caps/{CAP['id']}"
    server.routes[f"DELETE {path}"] = Answer(204)
    assert cef(server, "caps", "remove", str(CAP["id"])).exit_code == 0
    assert server.paths() == [f"DELETE {path}"]
