"""Caps in the admin: set and changed through the service, which counts the runs that are running."""

from django.test import Client

from apps.runs.caps import agent_subject
from apps.runs.models import Cap, Slot
from apps.runs.services.caps import set_cap
from tests.integration.accounts.people import make_user
from tests.integration.runs.world import claim, set_up_run

LIST = "/admin/runs/cap/"


def text(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def test_it_works(admin, support):
    set_up_run(support)
    claim()
    form = {"workspace": str(support.id), "kind": "agent", "subject": "docs", "slots": "3"}
    assert admin.post(f"{LIST}add/", form).status_code == 302
    cap = Cap.objects.get()
    assert (cap.kind, cap.slots, Slot.objects.filter(run_id__isnull=False).count()) == ("agent", 3, 1)
    page = text(admin.get(LIST))
    assert "docs" in page
    assert f"/admin/runs/cap/{cap.id}/change/" in page


def test_a_cap_is_changed_and_its_subject_stays(admin, support):
    set_up_run(support)
    cap = set_cap(agent_subject(support.id, "docs"), slots=3)
    assert "docs" in text(admin.get(f"{LIST}{cap.id}/change/"))
    assert admin.post(f"{LIST}{cap.id}/change/", {"slots": "1", "kind": "key", "subject": "x"}).status_code == 302
    cap.refresh_from_db()
    assert (cap.kind, cap.slots, Slot.objects.count()) == ("agent", 1, 1)


def test_an_agent_that_is_not_there_is_told(admin, support):
    form = {"workspace": str(support.id), "kind": "agent", "subject": "nobody", "slots": "3"}
    page = text(admin.post(f"{LIST}add/", form, follow=True))
    assert "There is no agent &#x27;nobody&#x27; in this workspace." in page
    assert not Cap.objects.exists()


def test_removing_caps(admin, support):
    set_up_run(support)
    cap = set_cap(agent_subject(support.id, "docs"), slots=3)
    assert admin.post(f"{LIST}{cap.id}/delete/", {"post": "yes"}).status_code == 302
    assert (Cap.objects.count(), Slot.objects.count()) == (0, 0)


def test_staff_without_the_permission_see_nothing(support):
    staff = Client()
    staff.force_login(make_user("nobody", is_staff=True))
    assert staff.get(LIST).status_code == 403
