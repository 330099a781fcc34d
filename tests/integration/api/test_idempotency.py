"""One run for however many tries of the same POST."""

import time
from urllib.parse import parse_qs

import pytest
from django.core.signing import TimestampSigner, b62_encode

from apps.accounts.permissions import Role
from apps.core.exceptions import NotAuthenticated
from apps.core.models import IdempotencyKey
from apps.runs.models import Event, Run, Thread
from apps.runs.services import create_thread
from apps.runs.states import RunStatus
from apps.runs.tickets import redeem_ticket
from tests.integration.api.problems import problem
from tests.integration.runs.world import bells, finish, history, make_agent, set_up_run, together

URL = "/api/v1/runs"
BODY = {"agent": "docs", "input": "x", "metadata": {"a": 1, "b": 2}}

pytestmark = pytest.mark.django_db(transaction=True)


def post(client, body=BODY, key="key-1", url=URL):
    return client.post(url, body, headers={"Idempotency-Key": key})


def test_it_works(client, support):
    make_agent(support)
    first, second = post(client), post(client, {"metadata": {"b": 2, "a": 1}, "input": "x", "agent": "docs"})
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert (first.headers.get("Idempotent-Replayed"), second.headers["Idempotent-Replayed"]) == (None, "true")
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Content-Type"] == "application/json"
    run = Run.objects.get()
    assert (Event.objects.count(), bells()) == (1, [str(run.id)])


def test_another_body_under_the_same_key(client, support):
    make_agent(support)
    post(client)
    problem(post(client, BODY | {"input": "y"}), 422, "idempotency_mismatch")
    problem(post(client, {"title": "x"}, url="/api/v1/threads"), 422, "idempotency_mismatch")
    assert (Run.objects.count(), Thread.objects.count()) == (1, 0)


def test_another_key_is_another_run(client, support):
    make_agent(support)
    ids = {post(client, key=key).json()["id"] for key in ("a", "b", "A", " a b")}
    assert len(ids) == Run.objects.count() == 4


def test_another_member_has_keys_of_their_own(client, bob, support):
    make_agent(support)
    first, second = post(client), post(bob(Role.BUILDER))
    assert first.json()["id"] != second.json()["id"]


def test_another_workspace_has_keys_of_its_own(client, stranger, support, sales):
    for workspace in (support, sales):
        make_agent(workspace)
    first, second = post(client), post(stranger)
    assert first.json()["id"] != second.json()["id"]


def test_a_refusal_is_not_kept(client, support):
    problem(post(client), 404, "agent_not_found")
    make_agent(support)
    answer = post(client)
    assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (202, None)


def test_many_at_once_are_one_run(client, support):
    make_agent(support)
    answers = together(*[lambda: post(client)] * 6)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {202, 409}
    assert 202 in statuses
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency_in_flight"
    assert (Run.objects.count(), Event.objects.count()) == (1, 1)


class Yesterday(TimestampSigner):
    """Signs as of an hour ago."""

    def timestamp(self) -> str:
        return b62_encode(int(time.time()) - 3600)


def test_a_wait_that_is_tried_again_gets_a_ticket_that_opens(client, support):
    """The kept answer has a ticket that has run out by then; the replay has a new one."""
    make_agent(support)
    assert post(client, BODY | {"mode": "wait"}).status_code == 303
    run = Run.objects.get()
    address = f"http://live.testserver/api/v1/runs/{run.id}/wait"
    old = Yesterday(salt=f"cef.live.ticket:{run.id}").sign(support.id.hex)
    with pytest.raises(NotAuthenticated):
        redeem_ticket(old, run.id)
    kept = IdempotencyKey.objects.get()
    IdempotencyKey.objects.update(headers=kept.headers | {"Location": f"{address}?ticket={old}"})
    answer = post(client, BODY | {"mode": "wait"})
    place, _, query = answer.headers["Location"].partition("?")
    assert (answer.status_code, answer.headers["Idempotent-Replayed"], place) == (303, "true", address)
    assert redeem_ticket(parse_qs(query)["ticket"][0], run.id) == support.id
    assert Run.objects.count() == 1


def test_a_stream_that_is_tried_again_is_one_run(client, support):
    make_agent(support)
    places = {post(client, BODY | {"mode": "stream"}).headers["Location"].partition("?")[0] for _ in range(3)}
    assert (len(places), Run.objects.count()) == (1, 1)


def test_a_busy_thread_does_not_keep_its_own_try_out(client, support):
    """The second try of the run that made the thread busy is a replay, not a refusal."""
    make_agent(support)
    body = BODY | {"thread_id": str(create_thread(support.id).id)}
    first, second = post(client, body), post(client, body)
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])
    problem(post(client, body, key="other"), 409, "thread_busy")


def test_cancel_and_resume(client, support):
    run = set_up_run(support)
    for _ in range(2):
        assert post(client, None, url=f"{URL}/{run.id}/cancel", key="c").status_code == 202
    assert history(run.id) == ["run.queued", "run.cancelled"]
    failed = set_up_run(support)
    finish(failed, RunStatus.FAILED)
    for _ in range(2):
        assert post(client, None, url=f"{URL}/{failed.id}/resume", key="r").status_code == 202
    assert history(failed.id).count("run.resumed") == 1


def test_the_bell_rings_when_the_request_is_committed(client, support):
    make_agent(support)
    run_id = post(client).json()["id"]
    assert bells() == [run_id]


@pytest.mark.parametrize("key", ["", " ", "k" * 256])
def test_a_key_that_is_none(client, support, key):
    make_agent(support)
    problem(post(client, key=key), 400, "invalid_idempotency_key")
    assert Run.objects.count() == 0


@pytest.mark.parametrize("key", ["k" * 255, "ключ", "a/b?c=d", "\xff", "'; DROP TABLE runs_run"])
def test_a_key_of_any_letters(client, support, key):
    make_agent(support)
    first, second = post(client, key=key), post(client, key=key)
    assert (first.status_code, second.json()) == (202, first.json())


def test_what_was_asked_is_not_readable_in_the_table(client, support):
    make_agent(support)
    post(client, BODY | {"input": "a secret word"})
    assert b"a secret word" not in bytes(IdempotencyKey.objects.get().body)
