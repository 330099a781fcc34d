"""Effects in the admin: the list of what is to be decided, and the form on the run's page."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.models import Effect, Run
from apps.runs.statements import INTEND, MOVE
from tests.integration.accounts.people import make_user
from tests.integration.runs.world import claim, finish, history, intent_row, one, set_up_run
from workers.engine.outcome import Holder, stopped
from workers.engine.stops import OutcomeUnknown

LIST = "/admin/runs/effect/"


def page_of(run: Run) -> str:
    return f"/admin/runs/run/{run.id}/change/"


def decide(browser: Client, effect: Effect, **said: str):
    return browser.post(f"/admin/runs/run/{effect.run_id}/effects/{effect.id}/resolve/", said, follow=True)


def text(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def staff(*permissions: str) -> Client:
    user = make_user(f"staff-{len(permissions)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def effect(support) -> Effect:
    """Nobody knows how it ended, and its run waits."""
    run = set_up_run(support)
    claim()
    one(INTEND, intent_row(run.id, arguments=b'{"to":"<b>ACME</b>"}'))
    move = stopped(Holder(run.id, 1), OutcomeUnknown("Who knows?"))
    assert one(MOVE, move.parameters()) is not None
    return Effect.objects.get()


def test_the_runs_page_asks(admin, effect):
    page = text(admin.get(page_of(effect.run)))
    assert "Did this call of <code>pay</code> happen?" in page
    assert "&lt;b&gt;ACME&lt;/b&gt;" in page
    for choice in ("It happened, with this result", "It did not: run it", "Stop the run"):
        assert choice in page


def test_what_came_late_is_offered_as_the_result(admin, effect):
    Effect.objects.update(late_result=b'{"result":{"receipt":7},"kind":"tool_return"}')
    page = text(admin.get(page_of(effect.run)))
    assert "Later it returned" in page
    assert "&quot;receipt&quot;: 7" in page


def test_it_happened(admin, effect):
    page = text(decide(admin, effect, decision="happened", result='{"receipt": 7}', note="Seen at the bank."))
    assert "The call of pay is reconciled." in page
    assert "Did this call" not in page
    effect.refresh_from_db()
    assert (effect.state, canonical.load(effect.result), effect.note, effect.decided_by_kind) == (
        "reconciled",
        {"receipt": 7},
        "Seen at the bank.",
        "user",
    )
    assert Run.objects.get().status == "queued"


@pytest.mark.parametrize(("decision", "status"), [("run", "queued"), ("stop", "cancelled")])
def test_other_decisions(admin, effect, decision, status):
    text(decide(admin, effect, decision=decision))
    assert Run.objects.get().status == status


@pytest.mark.parametrize("result", ["", "paid", "{"])
def test_a_result_that_is_no_json_is_told(admin, effect, result):
    assert "The result is not JSON" in text(decide(admin, effect, decision="happened", result=result))
    assert (Effect.objects.get().state, Run.objects.get().status) == ("outcome_unknown", "waiting")


def test_who_comes_second_is_told(admin, effect):
    decide(admin, effect, decision="run")
    assert "Somebody has decided about this effect." in text(decide(admin, effect, decision="stop"))
    assert history(effect.run_id)[-1] == "run.resumed"


def test_a_run_that_is_over_is_not_asked_to_run_again(admin, effect):
    Run.objects.update(status="running")
    finish(effect.run)
    page = text(admin.get(page_of(effect.run)))
    assert "It did not: run it" not in page
    assert "Leave it unknown" in page


def test_nobody_is_asked_who_may_only_look(effect):
    viewer = staff("view_run", "view_effect")
    assert "Did this call" not in text(viewer.get(page_of(effect.run)))
    assert decide(viewer, effect, decision="run").status_code == 403
    assert Run.objects.get().status == "waiting"


def test_addresses_of_nothing(admin, effect, support):
    other = set_up_run(support)
    effect.run_id = other.id
    assert "no such effect" in text(decide(admin, effect, decision="run"))
    effect.run_id = new_id()
    assert decide(admin, effect, decision="run").status_code == 404
    assert decide(admin, Effect.objects.get(), decision="perhaps").status_code == 404
    address = f"/admin/runs/run/{other.id}/effects/{effect.id}/resolve/"
    assert admin.get(address).status_code == 405


def test_the_list_of_what_is_to_be_decided(admin, effect, support):
    run = set_up_run(support)
    claim()
    one(INTEND, intent_row(run.id, tool="mail"))
    everything, open_ones = text(admin.get(LIST)), text(admin.get(f"{LIST}?undecided=yes"))
    assert [f'<a class="cef-link" href="{page_of(of)}">' in everything for of in (effect.run, run)] == [True, True]
    assert [f'<a class="cef-link" href="{page_of(of)}">' in open_ones for of in (effect.run, run)] == [True, False]
    assert "outcome unknown: decide" in open_ones
    assert "/admin/runs/effect/?undecided=yes" in text(admin.get("/admin/"))


def test_the_page_of_an_effect(admin, effect):
    Effect.objects.update(late_result=b'{"result":"late","kind":"tool_return"}', note="Hm.")
    page = text(admin.get(f"{LIST}{effect.id}/change/"))
    assert "&lt;b&gt;ACME&lt;/b&gt;" in page
    assert "late" in page
    assert "Hm." in page
    assert page_of(effect.run) in page
