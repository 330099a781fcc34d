"""Runs in the admin: lists without payloads, a page that shows everything safely, actions through the services."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.contexts.assembly import AssemblyRequest, Mount, assemble
from apps.contexts.changes import Author, Put
from apps.contexts.kinds import Source
from apps.contexts.services import commit_entries, create_context
from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.models import Event, Run, Step
from apps.runs.services import create_thread
from apps.runs.states import RunStatus
from tests.integration.accounts.people import make_user
from tests.integration.runs.world import claim, finish, history, record, set_up_run

LIST = "/admin/runs/run/"


def url(run: Run, rest: str = "change/") -> str:
    return f"/admin/runs/run/{run.id}/{rest}"


def text(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def staff(*permissions: str) -> Client:
    user = make_user(f"staff-{len(permissions)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def worked(workspace, **fields) -> Run:
    """A running run with one recorded step."""
    run = set_up_run(workspace, **fields)
    epoch = claim()["lease_epoch"]
    record(run.id, epoch, key="1/model/0", name="script", first_token_ms=120)
    return Run.objects.get(id=run.id)


def test_the_list_shows_runs(admin, support):
    run = worked(support)
    page = text(admin.get(LIST))
    assert "cef-chip-running" in page
    assert "docs@1" in page
    assert url(run) in page
    assert "3 → 4" in page


def test_the_list_reads_no_payload_and_counts_no_table(admin, support):
    for _ in range(3):
        set_up_run(support)
    admin.get(LIST)
    with CaptureQueriesContext(connection) as queries:
        text(admin.get(LIST))
    about_runs = [query["sql"] for query in queries if '"runs_run"' in query["sql"]]
    assert len(about_runs) == 2
    for sql in about_runs:
        for column in ("input", "output", "messages"):
            assert f'"runs_run"."{column}"' not in sql
        assert "COUNT(" not in sql
    assert about_runs[0].endswith(" LIMIT 5000")
    more = len(queries)
    set_up_run(support)
    with CaptureQueriesContext(connection) as again:
        text(admin.get(LIST))
    assert len(again) == more


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["old", "failed", "queued"]),
        ("status=failed", ["failed"]),
        ("status=running", []),
        ("submitted=1h", ["failed", "queued"]),
        ("submitted=1h&status=queued", ["queued"]),
        ("submitted=nonsense", ["old", "failed", "queued"]),
    ],
)
def test_filters(admin, support, query, shown):
    runs = {name: set_up_run(support) for name in ("old", "failed", "queued")}
    finish(runs["failed"], RunStatus.FAILED)
    old = id_at(timezone.now() - timedelta(hours=2))
    Event.objects.filter(run_id=runs["old"].id).delete()
    Run.objects.filter(id=runs["old"].id).update(id=old)
    runs["old"].id = old
    page = text(admin.get(f"{LIST}?{query}"))
    assert [name for name, run in runs.items() if url(run) in page] == shown


def id_at(moment: datetime) -> UUID:
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | 5)


def test_the_page_shows_what_the_run_did(admin, support):
    run = worked(support, input="What is <b>this</b>?")
    finish(run)
    page = text(admin.get(url(run)))
    assert "What is &lt;b&gt;this&lt;/b&gt;?" in page
    assert "Hello." in page
    assert '<details data-step="1">' in page
    assert 'title="script"' in page
    assert "First token after 120 ms" in page
    assert "3 → 4" in page
    assert f"cef runs show {run.id}" in page
    assert 'data-active=""' in page
    assert 'data-live=""' in page
    assert "Cancel</button>" not in page


def test_a_running_run_can_be_followed_and_cancelled(admin, support, settings):
    run = worked(support)
    page = text(admin.get(url(run)))
    assert f'data-live="{settings.CEF_LIVE_URL}/api/v1/runs/{run.id}/events?ticket=' in page
    assert f"after={run.event_seq}" in page
    assert "working" in page
    assert "Cancel</button>" in page
    fragment = text(admin.get(url(run, "live/")))
    assert "<html" not in fragment
    assert '<details data-step="1">' in fragment


def test_a_failed_run_says_why(admin, support):
    run = worked(support)
    finish(run, RunStatus.FAILED, error_code="provider_unavailable", error_detail="<i>503</i>")
    page = text(admin.get(url(run)))
    assert "provider_unavailable" in page
    assert "&lt;i&gt;503&lt;/i&gt;" in page
    assert "Resume after step 1</button>" in page


def test_a_step_opens_in_place_and_as_a_page(admin, support):
    run = set_up_run(support)
    epoch = claim()["lease_epoch"]
    hostile = canonical.dump({"text": "</pre><script>alert(1)</script>\x00\ud800"})
    record(run.id, epoch, kind="tool", name="search", request=b'{"query":"x"}', result=hostile)
    fragment = text(admin.get(url(run, "steps/1/"), headers={"x-requested-with": "fetch"}))
    assert "<html" not in fragment
    assert "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u0000\\ud800" in fragment
    assert "<script>" not in fragment
    assert "&quot;query&quot;: &quot;x&quot;" in fragment
    assert "<html" in text(admin.get(url(run, "steps/1/")))
    assert admin.get(url(run, "steps/2/")).status_code == 404


def test_a_model_step_shows_what_was_in_its_prompt(admin, support):
    context = create_context(support.id, path="manual")
    long = "Budgets are reserved before a run starts. " * 40
    entries = [
        Put("style", "Name your <source>.", title="House style", source=Source.SYSTEM, pinned=True),
        Put("cancel", "POST to cancel.", title="Cancelling", source=Source.RETRIEVAL, priority=2),
        Put("budget", long, title="Budgets", source=Source.RETRIEVAL),
        Put("again", "POST to cancel.", title="Copy of it", source=Source.RETRIEVAL),
    ]
    commit_entries(context, entries, by=Author("alice"))
    run = set_up_run(support, input="How?")
    mounted = AssemblyRequest(
        workspace_id=support.id, budget_tokens=70, mounts=(Mount(context.id),), query="How?", question="How?"
    )
    record(run.id, claim()["lease_epoch"], manifest=assemble(mounted).manifest.data)
    step = text(admin.get(url(run, "steps/1/")))
    assert "of 70 tokens" in step
    assert "Name your &lt;source&gt;." in step
    assert re.search(r"\d+ of 360", step)
    shown = [step.index(title) for title in ("House style", "Cancelling", "Left out (1)", "Copy of it", "duplicate of")]
    assert shown == sorted(shown)
    assert step.count("cef-source-retrieval") >= 3
    assert admin.get(url(run, "steps/1/manifest.json")).json()["budget"] == 70
    assert "It rests on" not in text(admin.get(url(run)))
    finish(run)
    page = text(admin.get(url(run)))
    assert page.index("It rests on") < page.index("<strong>Cancelling</strong>") < page.index("POST to cancel.")
    assert "<strong>Budgets</strong>" not in page


def test_payloads_can_be_kept(admin, support):
    run = worked(support, input={"a": 1})
    kept = admin.get(url(run, "input.json"))
    assert (kept.status_code, kept.content, kept["Content-Type"]) == (200, b'{"a":1}', "application/json")
    assert kept["Content-Disposition"] == f'attachment; filename="run-{run.id}-input.json"'
    assert kept["X-Content-Type-Options"] == "nosniff"
    assert admin.get(url(run, "steps/1/result.json")).content == b'{"answer":42}'
    for nothing in ("output.json", "messages.json", "workspace.json", "steps/1/manifest.json", "steps/1/key.json"):
        assert admin.get(url(run, nothing)).status_code == 404


def test_a_long_payload_is_cut_on_the_page(admin, support):
    run = set_up_run(support, input="x" * 30_000)
    page = text(admin.get(url(run)))
    assert "x" * 20_000 in page
    assert "x" * 20_001 not in page
    assert "Only the beginning is shown." in page


def test_steps_beyond_500_have_a_page_of_their_own(admin, support):
    run = worked(support)
    step = Step.objects.filter(run_id=run.id).values().get()
    more = [Step(**(step | {"n": n, "key": str(n)})) for n in range(2, 503)]
    Step.objects.bulk_create(more)
    Run.objects.filter(id=run.id).update(step_count=502)
    first = text(admin.get(url(run)))
    assert 'data-step="500"' in first
    assert 'data-step="501"' not in first
    assert "?tab=timeline&amp;from=501" in first
    second = text(admin.get(url(run, "change/?from=501")))
    assert second.count("<details data-step=") == 2


def test_tabs(admin, support):
    run = worked(support, metadata={"ticket": "4711"})
    events = text(admin.get(url(run, "change/?tab=events")))
    assert [name in events for name in ("run.queued", "run.started", "step.recorded")] == [True, True, True]
    details = text(admin.get(url(run, "change/?tab=details")))
    assert "ticket=4711" in details
    assert "<details data-step" not in details
    for odd in ("x", "0", "-1", "9" * 5000, "²"):
        assert "<details data-step" in text(admin.get(url(run, f"change/?tab=nonsense&from={odd}")))


def test_cancel_and_resume_call_the_services(admin, support, root):
    run = set_up_run(support)
    answer = admin.post(url(run, "cancel/"))
    assert answer["Location"] == url(run)
    assert Run.objects.get(id=run.id).status == "cancelled"
    event = Event.objects.get(run_id=run.id, type="run.cancelled")
    assert canonical.load(event.data) == {"by": "user", "id": str(root.id)}
    failed = set_up_run(support)
    finish(failed, RunStatus.FAILED)
    admin.post(url(failed, "resume/"))
    assert Run.objects.get(id=failed.id).status == "queued"
    assert history(failed.id)[-1] == "run.resumed"


def test_what_the_services_refuse_is_told(admin, support):
    run = set_up_run(support)
    finish(run)
    before = history(run.id)
    for verb in ("cancel", "resume"):
        page = text(admin.post(url(run, f"{verb}/"), follow=True))
        assert "The run" in page
        assert "messagelist" in page or "bg-red" in page
    assert history(run.id) == before
    for verb in ("cancel", "resume"):
        assert admin.get(url(run, f"{verb}/")).status_code == 405


def test_many_at_once(admin, support):
    queued, done, failed = (set_up_run(support) for _ in range(3))
    finish(done)
    finish(failed, RunStatus.FAILED)
    chosen = {"_selected_action": [str(run.id) for run in (queued, done)]}
    admin.post(LIST, {"action": "cancel_selected", **chosen})
    assert Run.objects.get(id=queued.id).status == "cancelled"
    assert Run.objects.get(id=done.id).status == "succeeded"
    admin.post(LIST, {"action": "resume_selected", "_selected_action": [str(failed.id)]})
    assert Run.objects.get(id=failed.id).status == "queued"
    admin.post(LIST, {"action": "delete_selected", "post": "yes", "_selected_action": [str(done.id)]})
    assert Run.objects.count() == 3


def test_who_may_look_may_not_act(support):
    run = set_up_run(support)
    looker = staff("view_run")
    page = text(looker.get(url(run)))
    assert "Cancel</button>" not in page
    assert looker.post(url(run, "cancel/")).status_code == 403
    looker.post(LIST, {"action": "cancel_selected", "_selected_action": [str(run.id)]})
    assert Run.objects.get(id=run.id).status == "queued"


def test_who_may_not_look_sees_nothing(support):
    run = worked(support)
    paths = ["change/", "live/", "steps/1/", "input.json", "steps/1/result.json"]
    nobody = staff()
    for path in paths:
        assert nobody.get(url(run, path)).status_code == 403
    for path in paths:
        assert Client().get(url(run, path))["Location"].startswith("/admin/login/")
    assert nobody.post(url(run, "cancel/")).status_code == 403
    assert Run.objects.get(id=run.id).cancel_requested_at is None


@pytest.mark.parametrize(
    "path",
    ["nonsense/change/", f"{new_id()}/change/", f"{new_id()}/live/", f"{new_id()}/steps/1/"],
    ids=["nonsense", "page", "fragment", "step"],
)
def test_what_is_not_there_is_not_found(admin, path):
    assert admin.get(LIST + path).status_code == 404


def test_nothing_can_be_edited(admin, support):
    run = set_up_run(support)
    before = Run.objects.values().get(id=run.id)
    admin.post(url(run), {"status": "succeeded"})
    assert Run.objects.values().get(id=run.id) == before
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(url(run, "delete/"), {"post": "yes"}).status_code == 403


def test_a_thread_is_a_conversation(admin, support):
    thread = create_thread(support.id, title="Refunds")
    first = set_up_run(support, input="Where is <my> money?", thread_id=thread.id)
    finish(first)
    second = set_up_run(support, input={"again": True}, thread_id=thread.id)
    page = text(admin.get(f"/admin/runs/thread/{thread.id}/change/"))
    assert page.index("Where is &lt;my&gt; money?") < page.index("Hello.") < page.index("&quot;again&quot;: true")
    assert url(first) in page
    assert url(second) in page
    assert "Refunds" in text(admin.get("/admin/runs/thread/"))
    assert admin.get(f"/admin/runs/thread/{new_id()}/change/").status_code == 404


def test_workers_and_effects_are_listed(admin, support):
    set_up_run(support)
    claim()
    assert "alive" in text(admin.get("/admin/runs/workerprocess/"))
    assert "test:1" in text(admin.get("/admin/runs/workerprocess/"))
    text(admin.get("/admin/runs/effect/"))


def test_the_first_page_says_what_needs_attention(admin, support):
    assert "Nothing: no run waits, is stuck, or has failed" in text(admin.get("/admin/"))
    failed, late, held = (set_up_run(support) for _ in range(3))
    finish(failed, RunStatus.FAILED, error_detail="It was away.")
    Run.objects.filter(id=late.id).update(queued_at=F("queued_at") - timedelta(minutes=5))
    Run.objects.filter(id=held.id).update(status="running", worker_id=new_id())
    page = text(admin.get("/admin/"))
    for reason in ("It was away.", "No worker has taken it for over a minute.", "No live worker holds it."):
        assert reason in page
    assert page.index("Needs attention") < page.index("Running") < page.index("Last runs")


def test_the_first_page_of_somebody_without_a_right(support):
    set_up_run(support)
    page = text(staff().get("/admin/"))
    assert "Nothing here is for you yet." in page
    assert "docs@1" not in page


def test_the_sidebar_shows_what_one_may_open(admin):
    page = text(admin.get("/admin/"))
    for title in ("Operate", "Build", "Access", "Runs", "Agents", "API keys", "API reference"):
        assert f"{title}" in page
    few = text(staff("view_run").get("/admin/"))
    assert "/admin/runs/run/" in few
    assert "/admin/accounts/user/" not in few
