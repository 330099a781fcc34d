"""Waits over REST."""

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User
from apps.accounts.permissions import Permission, Role
from apps.runs.models import Decision, Wait
from apps.runs.waiting import event_token
from tests.integration.accounts.people import bearer, join, key_of, make_user
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output
from tests.integration.waits.world import agent_with, call, start, turn, waiting

PAY = {"name": "pay", "approval": {"when": "always"}}
SCRIPT = [turn(call("pay", amount=700)), {"text": "{last_tool_result}"}]
URL = "/api/v1/waits"


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The tests' own tools are installed."""


def client(workspace, name: str, *scopes: Permission) -> APIClient:
    user = User.objects.get(email=f"{name}@example.org")
    return bearer(key_of(Membership.objects.get(workspace=workspace, user=user), *scopes).text)


@pytest.fixture
def wait(support, alice, bob, host) -> Wait:
    agent_with(support, SCRIPT, PAY)
    return waiting(start(alice))[0]


def test_it_works(support, alice, wait):
    bob = client(support, "bob")
    [listed] = bob.get(URL).json()["data"]
    assert (listed["id"], listed["kind"], listed["tool"], listed["agent"]) == (str(wait.id), "approval", "pay", "docs")
    assert (listed["role"], listed["needed"], listed["approvals"]) == ("operator", 1, 0)
    detail = bob.get(f"{URL}/{wait.id}").json()
    assert (detail["arguments"], detail["edited_arguments"], detail["decisions"]) == ({"amount": 700}, None, [])
    said = {"verdict": "approve", "digest": detail["digest"], "note": "Fine."}
    answer = bob.post(f"{URL}/{wait.id}/decide", said)
    assert (answer.status_code, answer.json()["state"]) == (200, "resolved")
    assert answer.json()["decisions"][0]["note"] == "Fine."
    assert answer.json()["result"] == {"ending": "approved", "value": None, "message": None, "arguments": None}
    assert ended(wait.run).status == "succeeded"
    assert (toolbox.calls, bob.get(URL).json()["data"]) == ({"pay 700": 1}, [])


def test_an_idempotency_key_gives_the_answer_again(support, wait):
    bob = client(support, "bob")
    said = {"verdict": "reject", "digest": bytes(wait.digest).hex()}
    first, second = (bob.post(f"{URL}/{wait.id}/decide", said, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, second.status_code, first.json()) == (200, 200, second.json())
    assert Decision.objects.count() == 1


def test_the_page_of_the_run_names_its_waits(support, wait):
    detail = client(support, "alice").get(f"/api/v1/runs/{wait.run_id}").json()
    assert [one["id"] for one in detail["waits"]] == [str(wait.id)]
    assert (detail["children"], detail["parent_id"], detail["status"]) == ([], None, "waiting")


class TestTheInbox:
    def test_who_asked_for_the_run_has_nothing_to_approve(self, support, wait):
        alice = client(support, "alice")
        assert alice.get(URL).json()["data"] == []
        assert [one["id"] for one in alice.get(URL, {"scope": "all"}).json()["data"]] == [str(wait.id)]

    def test_filters(self, support, wait):
        bob = client(support, "bob")
        assert len(bob.get(URL, {"kind": "approval"}).json()["data"]) == 1
        assert bob.get(URL, {"kind": "question"}).json()["data"] == []
        assert len(bob.get(URL, {"run": str(wait.run_id)}).json()["data"]) == 1
        assert bob.get(URL, {"run": str(wait.id)}).json()["data"] == []
        assert bob.get(URL, {"state": "resolved", "scope": "all"}).json()["data"] == []
        for query in ({"kind": "nap"}, {"run": "x"}, {"who": "me"}, {"scope": "yours"}):
            assert bob.get(URL, query).status_code == 422

    def test_only_for_the_assignee_and_the_role(self, support, alice, bob, carol, host):
        calls = [call("pay", "a", amount=1), call("mail", "b", to="eve")]
        tools = [
            {"name": "pay", "approval": {"role": "admin"}},
            {"name": "mail", "approval": {"assignee": "bob@example.org"}},
        ]
        agent_with(support, [turn(*calls), {"text": "ok"}], *tools)
        waiting(start(alice), 2)
        assert [one["tool"] for one in client(support, "bob").get(URL).json()["data"]] == ["mail"]
        assert [one["tool"] for one in client(support, "carol").get(URL).json()["data"]] == ["pay"]


class TestWhoMay:
    def test_viewers_see_and_do_not_decide(self, support, wait):
        join(support, make_user("vera"), Role.VIEWER)
        vera = client(support, "vera")
        assert vera.get(f"{URL}/{wait.id}").status_code == 200
        refused = vera.post(f"{URL}/{wait.id}/decide", {"verdict": "reject", "digest": bytes(wait.digest).hex()})
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
        assert Wait.objects.get().state == "open"

    def test_a_key_that_starts_runs_does_not_decide(self, support, wait):
        key = client(support, "bob", Permission.RUNS_READ, Permission.RUNS_WRITE)
        said = {"verdict": "approve", "digest": bytes(wait.digest).hex()}
        assert key.post(f"{URL}/{wait.id}/decide", said).status_code == 403

    def test_the_requester(self, support, wait):
        said = {"verdict": "approve", "digest": bytes(wait.digest).hex()}
        refused = client(support, "alice").post(f"{URL}/{wait.id}/decide", said)
        assert (refused.status_code, refused.json()["code"]) == (403, "requester_cannot_approve")

    def test_another_workspace(self, support, charlie, wait):
        stranger = client(charlie.workspace_id, "charlie")
        said = {"verdict": "reject", "digest": bytes(wait.digest).hex()}
        assert stranger.get(f"{URL}/{wait.id}").status_code == 404
        assert stranger.post(f"{URL}/{wait.id}/decide", said).json()["code"] == "wait_not_found"
        assert stranger.get(URL, {"scope": "all"}).json()["data"] == []
        assert Wait.objects.get().state == "open"

    def test_nobody(self, support, wait):
        assert APIClient().get(URL).status_code == 401
        assert APIClient().post(f"{URL}/{wait.id}/decide", {}).status_code == 401


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"digest": "ab"}, "/digest"),
            ({"verdict": "maybe"}, "/verdict"),
            ({"verdict": "answer"}, "/answer"),
            ({"verdict": "answer", "answer": 1}, "/verdict"),
            ({"answer": 1}, "/answer"),
            ({"verdict": "reject", "arguments": {}}, "/arguments"),
            ({"arguments": {"amount": "much"}}, "/arguments/amount"),
            ({"arguments": [1]}, "/arguments"),
            ({"who": "me"}, "/who"),
        ],
    )
    def test_what_is_wrong(self, change, pointer, support, wait):
        said = {"verdict": "approve", "digest": bytes(wait.digest).hex()} | change
        refused = client(support, "bob").post(f"{URL}/{wait.id}/decide", said)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
        assert (Decision.objects.count(), Wait.objects.get().state) == (0, "open")

    def test_another_digest(self, support, wait):
        refused = client(support, "bob").post(f"{URL}/{wait.id}/decide", {"verdict": "approve", "digest": "0" * 64})
        assert (refused.status_code, refused.json()["code"]) == (409, "digest_mismatch")

    def test_twice(self, support, wait):
        bob = client(support, "bob")
        said = {"verdict": "reject", "digest": bytes(wait.digest).hex()}
        bob.post(f"{URL}/{wait.id}/decide", said)
        refused = bob.post(f"{URL}/{wait.id}/decide", said)
        assert (refused.status_code, refused.json()["code"]) == (409, "wait_not_open")


class TestEvents:
    @pytest.fixture
    def wait(self, support, alice, bob, host) -> Wait:
        script = [turn(call("wait_for_event", name="paid")), {"text": "{last_tool_result}"}]
        agent_with(support, script, {"name": "wait_for_event"})
        return waiting(start(alice))[0]

    def test_it_works(self, support, wait, settings):
        given = client(support, "bob").get(f"{URL}/{wait.id}").json()["event"]
        assert given["token"] == event_token(wait.id)
        assert given["url"] == f"{settings.CEF_PUBLIC_URL}/api/v1/events/{given['token']}"
        answer = APIClient().post(f"/api/v1/events/{given['token']}", {"amount": 700}, format="json")
        assert (answer.status_code, answer.json()) == (200, {"wait_id": str(wait.id), "state": "resolved"})
        assert output(ended(wait.run)) == '{"amount":700}'

    def test_the_same_report_again_changes_nothing_and_another_is_refused(self, wait):
        url = f"/api/v1/events/{event_token(wait.id)}"
        for _ in range(2):
            assert APIClient().post(url, {"amount": 700}, format="json").status_code == 200
        refused = APIClient().post(url, {"amount": 701}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (409, "wait_not_open")

    @pytest.mark.parametrize("payload", [None, [], 0, "paid", {}])
    def test_any_json(self, payload, wait):
        answer = APIClient().post(f"/api/v1/events/{event_token(wait.id)}", payload, format="json")
        assert answer.status_code == 200

    def test_viewers_do_not_get_the_token(self, support, wait):
        join(support, make_user("vera"), Role.VIEWER)
        assert client(support, "vera").get(f"{URL}/{wait.id}").json()["event"] is None

    def test_a_credential_is_neither_asked_for_nor_looked_at(self, wait):
        url = f"/api/v1/events/{event_token(wait.id)}"
        assert bearer("cef_wrong").post(url, {}, format="json").status_code == 200

    def test_a_token_that_nobody_gave(self, wait):
        refused = APIClient().post("/api/v1/events/evt_nothing", {}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (404, "event_not_found")

    @pytest.mark.parametrize("body", [b"{", b"[" * 200, b'{"a":NaN}', b'"\\u0000"'])
    def test_what_is_no_json(self, body, wait):
        """Of who has no token nothing is read."""
        url, kind = "/api/v1/events/{}", "application/json"
        refused = APIClient().post(url.format(event_token(wait.id)), body, content_type=kind)
        assert (refused.status_code, Wait.objects.get().state) == (400, "open")
        refused = APIClient().post(url.format("evt_nothing"), body, content_type=kind)
        assert (refused.status_code, refused.json()["code"]) == (404, "event_not_found")

    def test_with_an_idempotency_key(self, wait):
        url = f"/api/v1/events/{event_token(wait.id)}"
        answer = APIClient().post(url, {}, format="json", headers={"Idempotency-Key": "k"})
        assert answer.status_code == 200
