"""Schedules over REST."""

from datetime import datetime, timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import Role
from apps.core.ids import new_id
from apps.runs.cron import next_fires
from apps.runs.models import NO_KEY, Run, Schedule
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import make_agent
from workers.ops.schedules import fire_due_schedules

URL = "/api/v1/schedules"
BODY = {"name": "report", "agent": "docs", "input": {"q": 1}, "cron": "30 9 * * MON-FRI", "timezone": "Europe/Berlin"}


@pytest.fixture(autouse=True)
def _agent(support) -> None:
    make_agent(support)


def test_it_works(client, support, alice):
    answer = client.post(URL, BODY)
    body = answer.json()
    schedule = Schedule.objects.get()
    assert answer.status_code == 201
    assert body == BODY | {
        "id": str(schedule.id),
        "overlap": "skip",
        "limits": {},
        "metadata": {},
        "enabled": True,
        "next_fire_at": body["next_fire_at"],
        "last_fire_at": None,
        "last_run_id": None,
        "last_error": None,
        "created_at": body["created_at"],
    }
    assert datetime.fromisoformat(body["next_fire_at"]) == schedule.next_fire_at
    assert (schedule.created_by_kind, schedule.created_by_id) == ("user", alice.id)
    assert client.get(f"{URL}/{schedule.id}").json() == body
    without_input = {name: value for name, value in body.items() if name != "input"}
    assert client.get(URL).json() == {"data": [without_input], "next_cursor": None, "has_more": False}


def test_what_became_of_it_is_shown(client):
    schedule = client.post(URL, BODY).json()
    Schedule.objects.update(next_fire_at=Now() - timedelta(hours=1))
    fire_due_schedules()
    run = Run.objects.get()
    body = client.get(f"{URL}/{schedule['id']}").json()
    assert (body["last_run_id"], body["last_error"]) == (str(run.id), None)
    Schedule.objects.update(next_fire_at=Now() - timedelta(hours=1))
    fire_due_schedules()
    body = client.get(f"{URL}/{schedule['id']}").json()
    assert (body["last_run_id"], body["last_error"]) == (
        str(run.id),
        f"Skipped, because the run {run.id} had not finished.",
    )


def test_changing_some_of_it(client):
    made = client.post(URL, BODY).json()
    address = f"{URL}/{made['id']}"
    changed = client.patch(address, {"cron": "0 0 1 1 *", "overlap": "cancel", "limits": {"steps": 3}}).json()
    assert changed == made | {
        "cron": "0 0 1 1 *",
        "overlap": "cancel",
        "limits": {"steps": 3},
        "next_fire_at": changed["next_fire_at"],
    }
    assert changed["next_fire_at"] > made["next_fire_at"]
    assert client.patch(address, {"input": "Anything new?"}).json() == changed | {"input": "Anything new?"}
    assert client.get(address).json()["input"] == "Anything new?"


def test_pausing_and_resuming(client):
    made = client.post(URL, BODY).json()
    address = f"{URL}/{made['id']}"
    assert client.post(f"{address}/pause").json() == made | {"enabled": False, "next_fire_at": None}
    assert client.post(f"{address}/resume").json() == made
    assert client.patch(address, {"enabled": False}).json()["next_fire_at"] is None


def test_firing_now(client):
    made = client.post(URL, BODY).json()
    answer = client.post(f"{URL}/{made['id']}/fire")
    run = Run.objects.get()
    assert (answer.status_code, answer.json()["id"], answer.json()["input"]) == (202, str(run.id), {"q": 1})
    assert answer.headers["Location"] == answer.json()["links"]["self"]
    assert str(run.schedule_id) == made["id"]


def test_firing_now_twice_under_one_key_is_one_run(client):
    made = client.post(URL, BODY).json()
    headers = {"Idempotency-Key": "k1"}
    answers = [client.post(f"{URL}/{made['id']}/fire", headers=headers).json()["id"] for _ in range(2)]
    assert len(set(answers)) == 1
    assert Run.objects.count() == 1


def test_the_next_times(client):
    made = client.post(URL, BODY).json()
    expected = [t.isoformat() for t in next_fires(BODY["cron"], BODY["timezone"], timezone.now(), 3)]
    assert client.get(f"{URL}/{made['id']}/next?count=3").json() == {"times": expected}
    client.post(f"{URL}/{made['id']}/pause")
    assert len(client.get(f"{URL}/{made['id']}/next").json()["times"]) == 10


def test_the_next_times_of_what_is_no_schedule_yet(client):
    wanted = {"cron": "0 0 L * *", "timezone": "Asia/Tokyo", "count": 2}
    expected = [t.isoformat() for t in next_fires("0 0 L * *", "Asia/Tokyo", timezone.now(), 2)]
    assert client.post(f"{URL}/preview", wanted).json() == {"times": expected}
    assert not Schedule.objects.exists()


def test_deleting(client):
    made = client.post(URL, BODY).json()
    assert client.delete(f"{URL}/{made['id']}").status_code == 204
    problem(client.get(f"{URL}/{made['id']}"), 404, "schedule_not_found")
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"cron": "every day"}, "/cron", "invalid_cron"),
        ({"cron": "0 0 31 2 *"}, "/cron", "invalid_cron"),
        ({"timezone": "Mars/Olympus"}, "/timezone", "unknown_timezone"),
        ({"input": ""}, "/input", "empty"),
        ({"name": ""}, "/name", "blank"),
        ({"name": "x" * 101}, "/name", "max_length"),
        ({"overlap": "queue"}, "/overlap", "invalid_choice"),
        ({"limits": {"steps": 0}}, "/limits/steps", "min_value"),
        ({"next_fire_at": "2026-01-01T00:00:00Z"}, "/next_fire_at", "unknown_field"),
    ],
)
def test_what_is_wrong(client, body, pointer, code):
    answer = client.post(URL, BODY | body)
    assert answer.status_code == 422
    assert pointers(answer.json()) == {pointer: code}
    assert not Schedule.objects.exists()
    made = client.post(URL, BODY).json()
    assert client.patch(f"{URL}/{made['id']}", body).status_code == 422
    assert client.get(f"{URL}/{made['id']}").json() == made


def test_what_it_needs_is_named(client):
    answer = client.post(URL, {})
    assert pointers(answer.json()) == {f"/{name}": "required" for name in ("name", "agent", "input", "cron")}


@pytest.mark.parametrize("count", ["0", "101", "x"])
def test_how_many_times_may_be_asked_for(client, count):
    made = client.post(URL, BODY).json()
    assert client.get(f"{URL}/{made['id']}/next?count={count}").status_code == 422
    assert client.post(f"{URL}/preview", {"cron": "0 9 * * *", "count": count}).status_code == 422


def test_refusals(client):
    problem(client.post(URL, BODY | {"agent": "nobody"}), 404, "agent_not_found")
    client.post(URL, BODY)
    problem(client.post(URL, BODY), 409, "schedule_name_taken")
    assert Schedule.objects.count() == 1


def test_another_workspaces_schedule(client, stranger):
    address = f"{URL}/{client.post(URL, BODY).json()['id']}"
    before = Schedule.objects.values().get()
    for answer in (
        stranger.get(address),
        stranger.get(f"{address}/next"),
        stranger.patch(address, {"name": "mine"}),
        stranger.delete(address),
        *(stranger.post(f"{address}/{what}") for what in ("pause", "resume", "fire")),
        client.get(f"{URL}/{new_id()}"),
    ):
        problem(answer, 404, "schedule_not_found")
    assert stranger.get(URL).json()["data"] == []
    assert Schedule.objects.values().get() == before
    assert not Run.objects.exists()


def test_a_viewer_may_look(client, bob):
    made = client.post(URL, BODY).json()
    viewer, address = bob(Role.VIEWER), f"{URL}/{made['id']}"
    assert [viewer.get(at).status_code for at in (URL, address, f"{address}/next")] == [200] * 3
    assert viewer.post(f"{URL}/preview", {"cron": "0 9 * * *"}).status_code == 200
    for answer in (
        viewer.post(URL, BODY | {"name": "other"}),
        viewer.patch(address, {"name": "mine"}),
        viewer.delete(address),
        *(viewer.post(f"{address}/{what}") for what in ("pause", "resume", "fire")),
    ):
        problem(answer, 403, "permission_denied")
    assert (Schedule.objects.count(), Run.objects.count()) == (1, 0)


def test_an_operator_may_do_all_of_it(bob):
    client = bob(Role.OPERATOR)
    address = f"{URL}/{client.post(URL, BODY).json()['id']}"
    assert client.post(f"{address}/fire").status_code == 202
    assert client.delete(address).status_code == 204


def test_who_starts_or_changes_it_asks_for_its_runs(client, bob):
    schedule, theirs = client.post(URL, BODY).json(), bob(Role.OPERATOR)
    started = theirs.post(f"{URL}/{schedule['id']}/fire").json()
    run = Run.objects.get(id=started["id"])
    person = User.objects.get(email__startswith="bob")
    assert (run.created_by_kind, run.created_by_id, run.api_key_id == NO_KEY) == ("user", person.id, False)
    theirs.patch(f"{URL}/{schedule['id']}", {"input": "pay"})
    assert Schedule.objects.get().created_by_id == person.id
