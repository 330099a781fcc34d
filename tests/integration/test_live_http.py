"""`live` over HTTP: events, waiting, who may listen, and what is refused."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import UUID

import httpx
import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from redis import Redis

from apps.accounts.models import ApiKey
from apps.accounts.permissions import Permission
from apps.core.ids import new_id
from apps.runs.live import encode_delta, shard_key
from apps.runs.models import Run
from apps.runs.selectors import run_detail
from apps.runs.tickets import issue_ticket
from cli.sse import ServerEvent, read_events
from tests.integration.live_support import Tenant, Worker, finished_run, live_process, make_key, make_run, make_tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def live(django_db_setup: None, django_db_blocker: object) -> Iterator[str]:
    with live_process() as url:
        yield url


@pytest.fixture
def alice() -> Tenant:
    return make_tenant("alice")


@pytest.fixture
def charlie() -> Tenant:
    return make_tenant("charlie")


def events(answer: httpx.Response) -> list[ServerEvent]:
    return [event for event in read_events([answer.read()]) if event.name]


def test_it_works(live: str, alice: Tenant) -> None:
    run = finished_run(alice.workspace, steps=1)
    with httpx.stream("GET", f"{live}/api/v1/runs/{run}/events", headers=alice.headers) as answer:
        told = events(answer)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert [(event.id, event.name) for event in told] == [
        (1, "run.queued"),
        (2, "run.started"),
        (3, "step.recorded"),
        (4, "run.succeeded"),
        (None, "done"),
    ]
    recorded = told[2].data
    assert (recorded["seq"], recorded["type"], recorded["step"]) == (3, "step.recorded", 1)
    assert (recorded["kind"], recorded["name"]) == ("model", "scripted:m")
    assert told[-1].data == {"status": "succeeded"}


def test_the_first_line_tells_how_soon_to_reconnect(live: str, alice: Tenant) -> None:
    run = finished_run(alice.workspace)
    answer = httpx.get(f"{live}/api/v1/runs/{run}/events", headers=alice.headers)
    assert answer.text.startswith("retry: 2000\n\nid: 1\nevent: run.queued\ndata: {")


@pytest.mark.parametrize("how", ["header", "address", "both"])
def test_a_reader_resumes_after_its_last_event(live: str, alice: Tenant, how: str) -> None:
    run = finished_run(alice.workspace, steps=1)
    headers = alice.headers | ({"Last-Event-ID": "2"} if how != "address" else {})
    after = {"header": "", "address": "?after=2", "both": "?after=1"}[how]
    answer = httpx.get(f"{live}/api/v1/runs/{run}/events{after}", headers=headers)
    assert [event.id for event in events(answer)] == [3, 4, None]


def test_text_is_told_as_it_is_spoken_and_events_as_they_are_committed(live: str, alice: Tenant) -> None:
    run = make_run(alice.workspace)
    worker = Worker(run)
    redis = Redis.from_url(settings.REDIS_URL)
    with httpx.stream("GET", f"{live}/api/v1/runs/{run}/events", headers=alice.headers) as answer:
        told = (event for event in read_events(answer.iter_bytes()) if event.name)
        assert next(told).name == "run.queued"
        worker.start()
        assert next(told).name == "run.started"
        redis.xadd(shard_key(run), encode_delta(run, "Hel"))  # type: ignore[arg-type]
        redis.xadd(shard_key(new_id()), encode_delta(new_id(), "of another run"))  # type: ignore[arg-type]
        redis.xadd(shard_key(run), {"garbage": "1"})
        redis.xadd(shard_key(run), encode_delta(run, "lo"))  # type: ignore[arg-type]
        worker.step(1)
        worker.succeed()
        rest = list(told)
    assert [(event.id, event.name) for event in rest] == [
        (None, "delta"),
        (None, "delta"),
        (3, "step.recorded"),
        (4, "run.succeeded"),
        (None, "done"),
    ]
    assert [event.data for event in rest[:2]] == [{"text": "Hel"}, {"text": "lo"}]


def test_readers_who_come_in_the_middle_first_get_what_was_said(live: str, alice: Tenant) -> None:
    run = make_run(alice.workspace)
    Run.objects.filter(id=run).update(streaming=True)
    worker = Worker(run)
    redis = Redis.from_url(settings.REDIS_URL)

    def say(*texts: str) -> None:
        for text in texts:
            redis.xadd(shard_key(run), encode_delta(run, text))  # type: ignore[arg-type]

    def come() -> Iterator[ServerEvent]:
        answer = readers.enter_context(
            httpx.stream("GET", f"{live}/api/v1/runs/{run}/events?after=1", headers=alice.headers, timeout=10)
        )
        return (event for event in read_events(answer.iter_bytes()) if event.name)

    with ExitStack() as readers:
        worker.start()
        say("said before ")
        worker.step(1)
        say("Hel", "lo")
        first = come()
        beginning = [next(first) for _ in range(3)]
        assert [event.name for event in beginning] == ["run.started", "step.recorded", "delta"]
        assert beginning[-1].data == {"text": "Hello", "so_far": True}
        say(", ")
        assert next(first).data == {"text": ", "}
        second = come()
        assert [next(second) for _ in range(3)][-1].data == {"text": "Hello, ", "so_far": True}
        say("world")
        worker.succeed()
        for reader in (first, second):
            assert [(event.name, event.data.get("text")) for event in reader] == [
                ("delta", "world"),
                ("run.succeeded", None),
                ("done", None),
            ]


def test_what_is_looked_for_in_the_past_may_lie_far_back(live: str, alice: Tenant) -> None:
    run, others = make_run(alice.workspace), [UUID(int=new_id().int & ~15 | n) for n in range(16)]
    Run.objects.filter(id=run).update(streaming=True)
    redis = Redis.from_url(settings.REDIS_URL)
    Worker(run).start()
    redis.xadd(shard_key(run), encode_delta(run, "long ago"))  # type: ignore[arg-type]
    crowd = next(other for other in others if shard_key(other) == shard_key(run))
    with redis.pipeline(transaction=False) as pipeline:
        for _ in range(1200):
            pipeline.xadd(shard_key(run), encode_delta(crowd, "x"))  # type: ignore[arg-type]
        pipeline.execute()
    with httpx.stream("GET", f"{live}/api/v1/runs/{run}/events?after=2", headers=alice.headers, timeout=10) as answer:
        told = next(event for event in read_events(answer.iter_bytes()) if event.name)
    assert told.data == {"text": "long ago", "so_far": True}


def test_an_event_whose_wake_up_was_lost_is_told_all_the_same(live: str, alice: Tenant) -> None:
    run = make_run(alice.workspace)
    with httpx.stream("GET", f"{live}/api/v1/runs/{run}/events", headers=alice.headers, timeout=5) as answer:
        told = (event for event in read_events(answer.iter_bytes()) if event.name)
        assert next(told).name == "run.queued"
        with connection.cursor() as cursor:  # nobody announces this
            cursor.execute("UPDATE runs_run SET event_seq = 2 WHERE id = %s", [run])
            cursor.execute(
                "INSERT INTO runs_event (run_id, seq, type, data) VALUES (%s, 2, 'run.cancelled', '{}')", [run]
            )
        assert [(event.id, event.name) for event in told] == [(2, "run.cancelled"), (None, "done")]


def test_waiting_answers_the_finished_run(live: str, alice: Tenant) -> None:
    run = make_run(alice.workspace)
    worker = Worker(run)
    worker.start()

    def end() -> None:
        worker.step(1)
        worker.succeed()
        connection.close()

    ending = threading.Timer(0.3, end)
    ending.start()
    answer = httpx.get(f"{live}/api/v1/runs/{run}/wait", headers=alice.headers, timeout=10)
    ending.join()
    assert answer.status_code == 200
    body = answer.json()
    assert (body["id"], body["status"], body["output"]) == (str(run), "succeeded", "bye")
    assert set(body) == set(run_detail(alice.workspace.id, run))


def test_waiting_too_long_answers_the_run_as_it_is(live: str, alice: Tenant) -> None:
    run = make_run(alice.workspace)
    answer = httpx.get(f"{live}/api/v1/runs/{run}/wait?timeout=1", headers=alice.headers)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_waiting_for_what_is_over_answers_at_once(live: str, alice: Tenant) -> None:
    run = finished_run(alice.workspace)
    answer = httpx.get(f"{live}/api/v1/runs/{run}/wait?timeout=0", headers=alice.headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


@pytest.mark.parametrize("what", ["events", "wait"])
def test_a_ticket_opens_its_run_and_no_other(live: str, alice: Tenant, what: str) -> None:
    run, other = finished_run(alice.workspace), finished_run(alice.workspace)
    ticket = issue_ticket(run, alice.workspace.id)
    assert httpx.get(f"{live}/api/v1/runs/{run}/{what}", params={"ticket": ticket}).status_code == 200
    refusal = httpx.get(f"{live}/api/v1/runs/{other}/{what}", params={"ticket": ticket})
    assert (refusal.status_code, refusal.json()["code"]) == (401, "ticket_invalid")


def test_a_ticket_of_another_workspace_finds_nothing(live: str, alice: Tenant, charlie: Tenant) -> None:
    run = make_run(alice.workspace)
    ticket = issue_ticket(run, charlie.workspace.id)
    refusal = httpx.get(f"{live}/api/v1/runs/{run}/events", params={"ticket": ticket})
    assert (refusal.status_code, refusal.json()["code"]) == (404, "run_not_found")


@pytest.mark.parametrize("what", ["events", "wait"])
def test_charlie_is_refused(live: str, alice: Tenant, charlie: Tenant, what: str) -> None:
    run = make_run(alice.workspace)
    refusal = httpx.get(f"{live}/api/v1/runs/{run}/{what}", headers=charlie.headers)
    assert refusal.headers["content-type"] == "application/problem+json"
    assert (refusal.status_code, refusal.json()["code"]) == (404, "run_not_found")


def test_no_credential_is_refused(live: str, alice: Tenant) -> None:
    refusal = httpx.get(f"{live}/api/v1/runs/{make_run(alice.workspace)}/events")
    assert (refusal.status_code, refusal.json()["code"]) == (401, "not_authenticated")
    assert refusal.headers["www-authenticate"] == 'Bearer realm="api"'


def test_a_revoked_key_is_refused(live: str, alice: Tenant) -> None:
    ApiKey.objects.update(revoked_at="2026-01-01T00:00:00Z")
    refusal = httpx.get(f"{live}/api/v1/runs/{make_run(alice.workspace)}/events", headers=alice.headers)
    assert (refusal.status_code, refusal.json()["code"]) == (401, "api_key_revoked")


def test_a_key_without_the_permission_is_refused(live: str, alice: Tenant) -> None:
    key = make_key(alice.workspace, alice.user, Permission.AGENTS_READ)
    run = make_run(alice.workspace)
    refusal = httpx.get(f"{live}/api/v1/runs/{run}/events", headers={"Authorization": f"Bearer {key}"})
    assert (refusal.status_code, refusal.json()["code"]) == (403, "permission_denied")


def test_a_browser_session_listens_in_the_workspace_it_names(live: str, alice: Tenant, charlie: Tenant) -> None:
    run = finished_run(alice.workspace)
    cookies = {"sessionid": session_of(alice)}
    address = f"{live}/api/v1/runs/{run}/events"
    assert httpx.get(address, params={"workspace": "alice"}, cookies=cookies).status_code == 200
    assert httpx.get(address, headers={"CEF-Workspace": "alice"}, cookies=cookies).status_code == 200
    unnamed = httpx.get(address, cookies=cookies)
    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "workspace_required")
    foreign = httpx.get(address, params={"workspace": "charlie"}, cookies=cookies)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "workspace_not_found")
    nul = httpx.get(address, params={"workspace": "\0"}, cookies=cookies)
    assert (nul.status_code, nul.json()["code"]) == (422, "invalid_input")
    stranger = httpx.get(address, params={"workspace": "charlie"}, cookies={"sessionid": session_of(charlie)})
    assert (stranger.status_code, stranger.json()["code"]) == (404, "run_not_found")


def session_of(tenant: Tenant) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(tenant.user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = tenant.user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/runs/nonsense/events", 404, "run_not_found"),
        ("/api/v1/runs/%00/events", 404, "run_not_found"),
        ("/api/v1/runs/00000000-0000-0000-0000-000000000000/events", 404, "run_not_found"),
        ("/api/v1/runs/{run}/events?after=-1", 422, "invalid_parameter"),
        ("/api/v1/runs/{run}/events?after=1e3", 422, "invalid_parameter"),
        ("/api/v1/runs/{run}/events?after=99999999999999999999", 422, "invalid_parameter"),
        ("/api/v1/runs/{run}/wait?timeout=3601", 422, "invalid_parameter"),
        ("/api/v1/runs/{run}/events?workspace=charlie", 403, "workspace_mismatch"),
        ("/api/v1/runs/{run}/steps", 404, "not_found"),
        ("/admin/", 404, "not_found"),
    ],
)
def test_bad_requests_are_refused_in_words(live: str, alice: Tenant, path: str, status: int, code: str) -> None:
    run = make_run(alice.workspace)
    refusal = httpx.get(live + path.format(run=run), headers=alice.headers)
    assert (refusal.status_code, refusal.json()["code"]) == (status, code)
    assert refusal.json()["request_id"] == refusal.headers["request-id"]


def test_an_event_number_from_the_future_is_taken_for_the_newest(live: str, alice: Tenant) -> None:
    run = make_run(alice.workspace)
    worker = Worker(run)
    with httpx.stream("GET", f"{live}/api/v1/runs/{run}/events?after=1000", headers=alice.headers) as answer:
        told = (event for event in read_events(answer.iter_bytes()) if event.name)
        worker.start()
        assert next(told).id == 2
        worker.succeed()
        assert [event.id for event in told] == [3, None]


def test_writing_is_not_for_live(live: str, alice: Tenant) -> None:
    run = make_run(alice.workspace)
    refusal = httpx.post(f"{live}/api/v1/runs/{run}/events", headers=alice.headers)
    assert (refusal.status_code, refusal.headers["allow"]) == (405, "GET, OPTIONS")


def test_pages_of_web_may_read_and_others_may_not(live: str, alice: Tenant) -> None:
    run = make_run(alice.workspace)
    address = f"{live}/api/v1/runs/{run}/wait?timeout=0"
    ours = httpx.get(address, headers=alice.headers | {"Origin": "http://testserver"})
    assert ours.headers["access-control-allow-origin"] == "http://testserver"
    assert ours.headers["access-control-allow-credentials"] == "true"
    assert ours.headers["vary"] == "Origin"
    refusal = httpx.get(address, headers={"Origin": "http://testserver"})
    assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (401, "http://testserver")
    foreign = httpx.get(address, headers=alice.headers | {"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers


def test_a_preflight_is_answered_without_a_credential(live: str) -> None:
    headers = {"Origin": "http://testserver", "Access-Control-Request-Method": "GET"}
    answer = httpx.options(f"{live}/api/v1/runs/x/events", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "http://testserver"
    assert "Last-Event-ID" in answer.headers["access-control-allow-headers"]


def test_it_says_that_it_is_well(live: str) -> None:
    answer = httpx.get(f"{live}/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"database": "ok", "redis": "ok", "readers": 0}


def test_the_callers_request_id_comes_back(live: str) -> None:
    assert httpx.get(f"{live}/healthz", headers={"Request-Id": "mine-1"}).headers["request-id"] == "mine-1"
    assert httpx.get(f"{live}/healthz", headers={"Request-Id": "a b"}).headers["request-id"] != "a b"
