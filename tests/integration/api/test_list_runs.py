"""GET /runs: the newest first, narrowed, page by page, without payloads."""

import json
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest
from django.utils.timezone import now

from apps.core.ids import new_id
from apps.runs.models import Run
from apps.runs.services import create_thread
from apps.runs.services.schedules import ScheduleRequest, create_schedule
from apps.runs.services.schedules_firing import fire_schedule
from apps.runs.states import RunStatus
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import finish, make_agent, set_up_run

URL = "/api/v1/runs"


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["data"]]


def test_it_works(client, support):
    runs = [set_up_run(support, input="secret words", metadata={"n": n}) for n in range(3)]
    finish(runs[1])
    answer = client.get(URL)
    body = answer.json()
    assert (body["has_more"], body["next_cursor"]) == (False, None)
    assert ids(answer) == [str(run.id) for run in reversed(runs)]
    row = body["data"][1]
    assert row == {
        "id": str(runs[1].id),
        "status": "succeeded",
        "stop_reason": "completed",
        "attempt": 1,
        "agent": "docs",
        "agent_version": 1,
        "held": False,
        "thread_id": None,
        "parent_id": None,
        "batch_id": None,
        "rerun_of": None,
        "rerun_from": None,
        "error": None,
        "usage": {"steps": 0, "model_calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": "0"},
        "metadata": {"n": 1},
        "cancel_requested_at": None,
        "created_at": row["created_at"],
        "started_at": None,
        "finished_at": row["finished_at"],
        "links": client.get(f"{URL}/{runs[1].id}").json()["links"],
    }
    assert b"secret words" not in answer.content


def test_a_failure_says_why(client, support):
    finish(set_up_run(support), RunStatus.FAILED)
    (row,) = client.get(URL).json()["data"]
    assert row["error"] == {"code": "provider_unavailable", "detail": "It was away."}


def test_nothing_there(client):
    assert client.get(URL).json() == {"data": [], "next_cursor": None, "has_more": False}


def test_the_payload_columns_are_not_read(client, support, django_assert_max_num_queries):
    for _ in range(3):
        set_up_run(support)
    with django_assert_max_num_queries(3) as queries:
        client.get(URL)
    (listing,) = [query["sql"] for query in queries.captured_queries if 'FROM "runs_run"' in query["sql"]]
    assert '"runs_run"."input"' not in listing
    assert '"runs_run"."output"' not in listing
    assert '"runs_run"."messages"' not in listing


@pytest.fixture
def mixed(support):
    """One of each state, of two agents, in a thread or not, with metadata or not."""
    make_agent(support, slug="other")
    thread = create_thread(support.id)
    runs = {
        "queued": set_up_run(support, metadata={"team": "a", "ticket": 1}),
        "other": set_up_run(support, agent="other", metadata={"team": "b", "deep": {"x": [1, 2]}}),
        "thread": set_up_run(support, thread_id=thread.id),
    }
    for status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED):
        runs[status.value] = set_up_run(support)
        finish(runs[status.value], status)
    runs["old"] = set_up_run(support)
    Run.objects.filter(id=runs["old"].id).update(created_at=now() - timedelta(days=9))
    return runs


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=queued", {"queued", "other", "thread", "old"}),
        ("status=failed", {"failed"}),
        ("status=failed,cancelled", {"failed", "cancelled"}),
        ("status=failed,%20succeeded", {"failed", "succeeded"}),
        ("status=running", set()),
        ("agent=other", {"other"}),
        ("agent=nobody", set()),
        ('metadata={"team":"a"}', {"queued"}),
        ('metadata={"team":"a","ticket":1}', {"queued"}),
        ('metadata={"team":"a","ticket":2}', set()),
        ('metadata={"deep":{"x":[2]}}', {"other"}),
        ('metadata={"ticket":"1"}', set()),
        ('metadata={"team":"a"}&status=failed', set()),
        ("agent=docs&status=failed,cancelled", {"failed", "cancelled"}),
    ],
)
def test_each_filter(client, mixed, query, expected):
    found = set(ids(client.get(f"{URL}?{quote(query, safe='=&,%')}")))
    assert found == {str(mixed[name].id) for name in expected}


def test_no_filter_and_empty_metadata_are_all(client, mixed):
    assert len(ids(client.get(URL))) == len(ids(client.get(f"{URL}?metadata={{}}"))) == len(mixed)


def test_by_thread(client, mixed):
    thread_id = mixed["thread"].thread_id
    assert ids(client.get(f"{URL}?thread_id={thread_id}")) == [str(mixed["thread"].id)]
    assert ids(client.get(f"{URL}?thread_id={new_id()}")) == []


def test_by_schedule(client, support, mixed):
    asked = ScheduleRequest(name="report", agent="docs", input="x", cron="0 9 * * *")
    schedule = create_schedule(support.id, asked)
    fired = fire_schedule(support.id, schedule.id)
    assert ids(client.get(f"{URL}?schedule_id={schedule.id}")) == [str(fired.id)]
    assert ids(client.get(f"{URL}?schedule_id={new_id()}")) == []


def test_by_time(client, support):
    runs = [set_up_run(support) for _ in range(4)]
    moment = runs[2].created_at
    assert ids(client.get(URL, {"created_after": moment.isoformat()})) == [str(runs[3].id), str(runs[2].id)]
    assert ids(client.get(URL, {"created_before": moment.isoformat()})) == [str(runs[1].id), str(runs[0].id)]
    window = {"created_after": runs[1].created_at.isoformat(), "created_before": moment.isoformat()}
    assert ids(client.get(URL, window)) == [str(runs[1].id)]
    assert ids(client.get(URL, {"created_before": "1969-12-31T23:59:59Z"})) == []
    assert ids(client.get(URL, {"created_after": "9999-12-31T23:59:59Z"})) == []
    assert len(ids(client.get(URL, {"created_after": "0001-01-01T00:00:00Z"}))) == 4
    zone = moment.astimezone().isoformat()
    assert len(ids(client.get(URL, {"created_after": zone}))) == 2


@pytest.mark.parametrize("skew", [timedelta(minutes=9), timedelta(minutes=-9)])
def test_by_time_when_the_clocks_disagree(client, support, skew):
    """A run's id has the time of the process that made it, its `created_at` that of the database."""
    run = set_up_run(support)
    Run.objects.filter(id=run.id).update(created_at=run.created_at + skew)
    moment = run.created_at + skew
    second = timedelta(seconds=1)
    assert ids(client.get(URL, {"created_after": (moment - second).isoformat()})) == [str(run.id)]
    assert ids(client.get(URL, {"created_before": (moment + second).isoformat()})) == [str(run.id)]
    assert ids(client.get(URL, {"created_after": (moment + second).isoformat()})) == []
    assert ids(client.get(URL, {"created_before": (moment - second).isoformat()})) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("status=finished", "/status"),
        ("status=", "/status"),
        ("status=queued,", "/status"),
        ("agent=a%20b", "/agent"),
        ("thread_id=7x", "/thread_id"),
        ("schedule_id=7x", "/schedule_id"),
        ("created_after=yesterday", "/created_after"),
        ("created_after=2026-13-01T00:00:00Z", "/created_after"),
        ("created_before=9999-12-31T23:59:59-23:59", "/created_before"),
        ("metadata=x", "/metadata"),
        ("metadata=[1]", "/metadata"),
        ("metadata=NaN", "/metadata"),
        ('metadata={"k":NaN}', "/metadata"),
        ('metadata={"k":"\\u0000"}', "/metadata"),
        ('metadata={"k":"\\ud800"}', "/metadata"),
        ("metadata=" + "[" * 3000, "/metadata"),
        ('metadata={"k":' + "[" * 3000 + "]" * 3000 + "}", "/metadata"),
        ('metadata={"k":' + "9" * 5000 + "}", "/metadata"),
        ("workspace=sales", "/workspace"),
        ("workspace_id=1", "/workspace_id"),
        ("ordering=-created_at", "/ordering"),
        ("statuss=queued", "/statuss"),
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=1e2", "/limit"),
        ("limit=%D9%A3", "/limit"),
        ("limit=", "/limit"),
        ("limit=" + "9" * 5000, "/limit"),
    ],
)
def test_a_query_that_is_wrong(client, support, query, pointer):
    set_up_run(support)
    body = problem(client.get(f"{URL}?{quote(query, safe='=&,%')}"), 422, "invalid_input")
    assert list(pointers(body)) == [pointer]


def test_nul_in_the_query(client):
    problem(client.get(f"{URL}?agent=a%00b"), 400, "invalid_text")


def test_bytes_that_are_no_utf8_in_the_query(client, support):
    set_up_run(support)
    assert client.get(f"{URL}?agent=%ff%fe").status_code == 422


def walk(client, url: str) -> list[str]:
    """Every page, by the link that each one names."""
    found: list[str] = []
    while url:
        answer = client.get(url)
        found += ids(answer)
        body = answer.json()
        assert body["has_more"] is (body["next_cursor"] is not None) is ("Link" in answer.headers)
        link = answer.headers.get("Link", "")
        url = link.removeprefix("<").partition(">")[0]
        assert not link or link.endswith('>; rel="next"')
    return found


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_have_every_run_once(client, support, limit):
    runs = [str(set_up_run(support).id) for _ in range(21)]
    assert walk(client, f"{URL}?limit={limit}") == runs[::-1]


def test_pages_while_runs_are_inserted_and_erased(client, support):
    """Those that were there are seen once, whatever happens beside them."""
    runs = [set_up_run(support) for _ in range(20)]
    before, found, url = [str(run.id) for run in runs], [], f"{URL}?limit=4"
    while url:
        answer = client.get(url)
        found += ids(answer)
        set_up_run(support)
        if len(found) == 8:
            Run.objects.filter(id=runs[2].id).update(status="succeeded")
            assert client.delete(f"{URL}/{runs[2].id}").status_code == 204
        url = answer.headers.get("Link", "").removeprefix("<").partition(">")[0]
    assert found == [id_ for id_ in before[::-1] if id_ != str(runs[2].id)]


def test_pages_keep_their_filter(client, mixed, support):
    for _ in range(4):
        finish(set_up_run(support), RunStatus.FAILED)
    found = walk(client, f"{URL}?limit=2&status=failed")
    assert len(found) == len(set(found)) == 5


def test_a_cursor_from_elsewhere(client, stranger, support, sales):
    thread = create_thread(support.id)
    for workspace in (support, sales):
        for _ in range(3):
            set_up_run(workspace)
    cursor = client.get(f"{URL}?limit=1").json()["next_cursor"]
    assert ids(client.get(f"{URL}?limit=2&cursor={cursor}"))
    refused = [
        stranger.get(f"{URL}?cursor={cursor}"),
        client.get(f"{URL}?status=queued&cursor={cursor}"),
        client.get(f"/api/v1/threads?cursor={cursor}"),
        client.get(f"{URL}/{Run.objects.filter(workspace=support).first().id}/events?cursor={cursor}"),
        client.get(f"{URL}?cursor={cursor}x"),
        client.get(f"{URL}?cursor={cursor[:-1]}"),
        client.get(f"{URL}?cursor="),
        client.get(f"{URL}?cursor=%F0%9F%98%80"),
        client.get(f"{URL}?cursor=" + "a" * 5000),
        client.get(f"{URL}?cursor=" + quote("eyJpZCI6MX0=:abc:def")),
    ]
    for answer in refused:
        problem(answer, 400, "invalid_cursor")
    assert thread.id


def test_the_link_is_absolute_and_keeps_the_query(client, support):
    for _ in range(2):
        set_up_run(support, metadata={"k": "a b&c"})
    query = quote('{"k":"a b&c"}', safe="")
    answer = client.get(f"{URL}?limit=1&metadata={query}")
    link = urlsplit(answer.headers["Link"].removeprefix("<").partition(">")[0])
    assert (link.scheme, link.netloc, link.path) == ("http", "testserver", URL)
    assert len(ids(client.get(link.geturl()))) == 1


def test_another_workspaces_runs_are_not_listed(client, stranger, support, sales):
    mine, theirs = set_up_run(support), set_up_run(sales)
    assert ids(client.get(URL)) == [str(mine.id)]
    assert ids(stranger.get(URL)) == [str(theirs.id)]
    assert ids(client.get(f"{URL}?agent=docs")) == [str(mine.id)]


def test_a_hundred_rows_are_quick(client, support):
    make_agent(support)
    for n in range(100):
        set_up_run(support, metadata={"n": n})
    body = json.loads(client.get(f"{URL}?limit=100").content)
    assert (len(body["data"]), body["has_more"]) == (100, False)
