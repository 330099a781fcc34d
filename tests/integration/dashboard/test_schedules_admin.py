"""Schedules in the admin: made and changed through the services, with the times that come next."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from apps.core import canonical
from apps.runs import payloads
from apps.runs.cron import next_fires
from apps.runs.models import Run, Schedule
from apps.runs.services.schedules import ScheduleRequest, create_schedule
from tests.integration.accounts.people import make_user
from tests.integration.runs.world import make_agent
from workers.ops.schedules import fire_due_schedules

LIST = "/admin/runs/schedule/"


def text(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


@pytest.fixture(autouse=True)
def _agent(support) -> None:
    make_agent(support)


@pytest.fixture
def schedule(support) -> Schedule:
    request = ScheduleRequest(
        name="report", agent="docs", input={"q": 1}, cron="30 9 * * MON-FRI", timezone="Asia/Tokyo"
    )
    return create_schedule(support.id, request)


def form(workspace, **changes: str) -> dict[str, Any]:
    return {
        "workspace": str(workspace.id),
        "name": "report",
        "agent": "docs",
        "text": "What is new?",
        "cron": "30 9 * * MON-FRI",
        "timezone": "Asia/Tokyo",
        "overlap": "skip",
        "enabled": "on",
        "limits": "{}",
        "metadata": "{}",
        **changes,
    }


def test_it_works(admin, support, root):
    assert admin.post(f"{LIST}add/", form(support, limits='{"steps": 5}')).status_code == 302
    schedule = Schedule.objects.get()
    assert payloads.load(support.id, schedule.input) == "What is new?"
    assert schedule.next_fire_at == next_fires(schedule.cron, "Asia/Tokyo", timezone.now(), 1)[0]
    assert (schedule.limits, schedule.created_by_kind, schedule.created_by_id) == ({"steps": 5}, "user", root.id)
    page = text(admin.get(LIST))
    assert "report" in page
    assert "30 9 * * MON-FRI" in page


def test_the_page_shows_what_comes_next_and_what_was(admin, support, schedule):
    Schedule.objects.update(next_fire_at=Now() - timedelta(hours=1))
    fire_due_schedules()
    page = text(admin.get(f"{LIST}{schedule.id}/change/"))
    for time in next_fires(schedule.cron, schedule.timezone, timezone.now(), 10):
        assert f"{time:%a %Y-%m-%d %H:%M} JST" in page
    assert "At 09:30 on Monday through Friday" in page
    assert str(Run.objects.get().id) in page
    assert "{&quot;q&quot;:1}" in page


def test_changing_it(admin, support, schedule):
    wanted = form(support, text='{"q": 2}', is_json="on", cron="0 0 1 * *", enabled="")
    assert admin.post(f"{LIST}{schedule.id}/change/", wanted).status_code == 302
    changed = Schedule.objects.get()
    assert payloads.load(support.id, changed.input) == {"q": 2}
    assert (changed.cron, changed.enabled, changed.next_fire_at) == ("0 0 1 * *", False, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": "{", "is_json": "on"}, "This is not JSON."),
        ({"limits": '{"pages": 1}'}, "Limits are an object with steps, tokens, usd, seconds."),
        ({"cron": "every day"}, "A cron expression has five fields"),
        ({"timezone": "Mars"}, "There is no time zone &#x27;Mars&#x27;."),
        ({"agent": "nobody"}, "nobody"),
    ],
)
def test_what_is_wrong_is_told(admin, support, changes, words):
    assert words in text(admin.post(f"{LIST}add/", form(support, **changes), follow=True))
    assert not Schedule.objects.exists()


def test_actions(admin, support, schedule):
    def act(name: str) -> str:
        chosen = {"action": name, "_selected_action": [str(schedule.id)]}
        return text(admin.post(LIST, chosen, follow=True))

    assert "1 paused." in act("pause_selected")
    assert not Schedule.objects.get().enabled
    assert "1 resumed." in act("resume_selected")
    assert Schedule.objects.get().enabled
    assert "1 runs started." in act("fire_selected")
    assert canonical.load(Run.objects.get().input) == {"q": 1}


def test_deleting(admin, schedule):
    assert admin.post(f"{LIST}{schedule.id}/delete/", {"post": "yes"}).status_code == 302
    assert not Schedule.objects.exists()


def test_one_whose_time_zone_is_gone_can_be_looked_at(admin, schedule):
    Schedule.objects.update(timezone="Europe/Atlantis")
    assert "Europe/Atlantis" in text(admin.get(f"{LIST}{schedule.id}/change/"))


def test_staff_without_the_permission_see_nothing(schedule):
    browser = Client()
    browser.force_login(make_user("nobody", is_staff=True))
    assert browser.get(LIST).status_code == 403
