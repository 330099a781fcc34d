"""Waits in the admin: an inbox, a page with the exact call and a form, and the waits on their run's page."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import User
from apps.accounts.permissions import Role
from apps.core import canonical
from apps.runs.models import Decision, Run, Wait
from apps.runs.states import WaitKind
from apps.runs.suspension import suspension
from apps.runs.waiting import Asked, event_token
from tests.integration.accounts.people import join, make_user
from tests.integration.runs.world import claim, one, set_up_run

LIST = "/admin/runs/wait/"
ARGUMENTS = {"to": "<b>ACME</b>", "note": "\ud800\x00", "amount": 700}


def page_of(wait: Wait) -> str:
    return f"/admin/runs/wait/{wait.id}/change/"


def run_page(wait: Wait, query: str = "") -> str:
    return f"/admin/runs/run/{wait.run_id}/change/{query}"


def decide(browser: Client, wait: Wait, **said: str):
    word = {"digest": bytes(wait.digest).hex(), "arguments": canonical.dump(canonical.load(wait.arguments)).decode()}
    return browser.post(f"/admin/runs/wait/{wait.id}/decide/", word | said, follow=True)


def text(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def staff(*permissions: str) -> Client:
    user = make_user(f"staff-{len(permissions)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def suspended(support, **asked) -> Wait:
    """A run that waits for this."""
    given = {"kind": WaitKind.APPROVAL, "run_step": 1, "tool_call_id": "c0", "tool": "double", "arguments": ARGUMENTS}
    run = set_up_run(support)
    claim()
    move = suspension(run.id, 1, (Asked(**given | asked),))
    assert one(move.statement, move.parameters()) is not None
    return Wait.objects.get(run=run)


@pytest.fixture
def wait(support) -> Wait:
    return suspended(support)


@pytest.fixture
def admin(admin, root, support) -> Client:
    """The superuser is a member too."""
    join(support, root, Role.ADMIN)
    return admin


def test_the_inbox(admin, wait):
    page = text(admin.get(f"{LIST}?state__exact=open"))
    assert "approval: double" in page
    assert page_of(wait) in page
    assert page_of(wait) not in text(admin.get(f"{LIST}?state__exact=resolved"))
    assert f"{LIST}?state__exact=open" in text(admin.get("/admin/"))


def test_its_page_shows_the_exact_call(admin, wait):
    page = text(admin.get(page_of(wait)))
    assert "May this call be made?" in page
    assert "&lt;b&gt;ACME&lt;/b&gt;" in page
    assert "\\ud800\\u0000" in page
    for button in ("Approve", "Reject"):
        assert f">{button}</button>" in page


def test_the_runs_page_asks(admin, wait):
    page = text(admin.get(run_page(wait)))
    assert "May this call be made?" in page
    assert f"/admin/runs/wait/{wait.id}/decide/" in page


def test_approve(admin, root, wait):
    page = text(decide(admin, wait, verdict="approve", came_from="run", note="Fine."))
    assert "The wait is resolved." in page
    assert "May this call be made?" not in page
    wait.refresh_from_db()
    assert (wait.state, canonical.load(wait.result)) == ("resolved", {"ending": "approved", "value": None})
    assert Decision.objects.get().decided_by_id == root.id
    assert Run.objects.get().status == "queued"
    details = text(admin.get(run_page(wait, "?tab=details")))
    assert "approve by root@example.org: Fine." in details


def test_what_the_form_showed_is_no_edit(admin, wait):
    """A browser sends a text area's lines as CRLF."""
    shown = json.dumps(ARGUMENTS, indent=2).replace("\n", "\r\n")
    decide(admin, wait, verdict="approve", arguments=shown)
    assert Decision.objects.get().arguments is None


def test_reject(admin, wait):
    assert "The wait is resolved." in text(decide(admin, wait, verdict="reject", note="No."))
    wait.refresh_from_db()
    assert canonical.load(wait.result)["message"] == "The call was rejected. No."


def test_more_must_approve(admin, support):
    wait = suspended(support, needed=2)
    page = text(decide(admin, wait, verdict="approve"))
    assert "others must approve as well" in page
    assert "1 of 2 have approved" in page
    assert "open, 1 of 2" in text(admin.get(LIST))


def test_answer(admin, support):
    wait = suspended(
        support, kind=WaitKind.QUESTION, tool="ask", prompt="Which <size>?", answer_schema={"type": "string"}
    )
    page = text(admin.get(page_of(wait)))
    assert "Which &lt;size&gt;?" in page
    decide(admin, wait, verdict="answer", answer="Two\r\nlines")
    wait.refresh_from_db()
    assert canonical.load(wait.result)["value"] == "Two\nlines"


def test_an_answer_with_a_schema_is_json(admin, support):
    wait = suspended(support, kind=WaitKind.QUESTION, tool="ask", prompt="?", answer_schema={"type": "integer"})
    assert "This is not JSON" in text(decide(admin, wait, verdict="answer", answer="many"))
    assert "breaks the question" in text(decide(admin, wait, verdict="answer", answer='"many"'))
    assert "The wait is resolved." in text(decide(admin, wait, verdict="answer", answer="3"))


def test_an_event_shows_where_it_is_reported(admin, support):
    wait = suspended(support, kind=WaitKind.EVENT, tool="wait_for_event", prompt="paid")
    wait.refresh_from_db()
    assert "It waits for an event" in text(admin.get(page_of(wait)))
    assert event_token(wait.id) in text(admin.get(page_of(wait)))


def test_parent_and_child(admin, support):
    parent, child = set_up_run(support), set_up_run(support)
    Run.objects.filter(id=child.id).update(parent=parent)
    assert f"/admin/runs/run/{child.id}/change/" in text(admin.get(f"/admin/runs/run/{parent.id}/change/?tab=details"))
    assert f"/admin/runs/run/{parent.id}/change/" in text(admin.get(f"/admin/runs/run/{child.id}/change/?tab=details"))


class TestRefusals:
    def test_another_digest(self, admin, wait):
        assert "look at it again" in text(decide(admin, wait, verdict="approve", digest="00" * 32))
        assert Wait.objects.get().state == "open"

    def test_who_asked_for_the_run(self, admin, root, wait):
        Run.objects.update(created_by_kind="user", created_by_id=root.id)
        page = text(admin.get(page_of(wait)))
        assert ">Approve</button>" not in page
        assert ">Reject</button>" in page
        assert "cannot approve" in text(decide(admin, wait, verdict="approve"))
        assert Wait.objects.get().state == "open"

    def test_staff_who_are_no_members(self, wait):
        outsider = staff("view_wait", "view_run", "change_run")
        page = text(outsider.get(page_of(wait)))
        assert "Only members of the workspace decide." in page
        assert '<form method="post" action="/admin/runs/wait' not in page
        assert "Only members" in text(decide(outsider, wait, verdict="approve"))
        assert Wait.objects.get().state == "open"

    def test_who_may_not_look(self, wait):
        assert staff("view_run").get(page_of(wait)).status_code == 403

    def test_what_no_form_of_ours_sends(self, admin, wait):
        assert decide(admin, wait, verdict="perhaps").status_code == 404
        assert decide(admin, wait, verdict="approve", digest="xyz").status_code == 404
        assert admin.get(f"/admin/runs/wait/{wait.id}/decide/").status_code == 405
        assert admin.get("/admin/runs/wait/nonsense/change/").status_code == 404

    def test_arguments_that_are_no_object(self, admin, wait):
        for given in ("much", "[1]"):
            assert "This is not JSON" in text(decide(admin, wait, verdict="approve", arguments=given))

    def test_without_the_form_token(self, root, wait):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(User.objects.get(id=root.id))
        assert strict.post(f"/admin/runs/wait/{wait.id}/decide/", {"verdict": "approve"}).status_code == 403
