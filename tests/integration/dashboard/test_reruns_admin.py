"""Running a run again, comparing two runs and forking a conversation, on the admin's pages."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.db.models import F
from django.test import Client

from apps.accounts.models import Workspace
from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.models import Run, Step, Thread, Turn
from apps.runs.services import create_thread, erase_run, fork_thread
from apps.runs.states import RunStatus
from tests.integration.accounts.people import make_user, make_workspace
from tests.integration.runs.world import claim, finish, publish, record, set_up_run

INPUT = "What is\nsix times seven?"


def url(run: Run, rest: str = "change/") -> str:
    return f"/admin/runs/run/{run.id}/{rest}"


def thread_url(thread: Thread, rest: str = "change/") -> str:
    return f"/admin/runs/thread/{thread.id}/{rest}"


def text(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def staff(*permissions: str) -> Client:
    user = make_user(f"staff-{len(permissions)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def answered(text: str) -> bytes:
    return canonical.dump({"parts": [{"part_kind": "text", "content": text}]})


def worked(workspace: Workspace, said: str = "It is 42.", **fields) -> Run:
    """Model, calculator, model."""
    run = set_up_run(workspace, **({"input": INPUT} | fields))
    epoch = claim()["lease_epoch"]
    record(run.id, epoch, key="1/agent__model.request/0", result=answered("Let me see."))
    record(run.id, epoch, key="1/calculator/0", kind="tool", name="calculator", request=b'{"e":"6*7"}', result=b"42")
    record(run.id, epoch, key="2/agent__model.request/0", result=answered(said))
    finish(run, epoch=epoch, output=canonical.dump(said))
    return Run.objects.get(id=run.id)


def form(run: Run, **changes: object) -> dict[str, object]:
    """What a browser sends when nothing is changed."""
    return {"from_step": 1, "input": INPUT.replace("\n", "\r\n"), "agent_version": 1} | changes


def new_run(answer) -> Run:
    """The run that the answer leads to."""
    assert answer.status_code == 302, answer.content.decode()
    found = re.fullmatch(r"/admin/runs/run/([0-9a-f-]{36})/change/", urlsplit(answer["Location"]).path)
    assert found
    return Run.objects.get(id=found[1])


def test_it_works(admin, support, root):
    original = worked(support, metadata={"k": 1})
    assert f'href="{url(original, "rerun/")}"' in text(admin.get(url(original)))
    assert f'href="{url(original, "rerun/")}?from=3"' in text(admin.get(url(original, "steps/3/")))
    assert "Rerun from here" not in text(admin.get(url(original, "steps/2/")))
    asked = text(admin.get(url(original, "rerun/?from=3")))
    assert '<option value="3" selected>' in asked
    assert INPUT in asked
    new = new_run(admin.post(url(original, "rerun/"), form(original, from_step=3)))
    assert (new.rerun_of_id, new.rerun_from, new.metadata) == (original.id, 3, {"k": 1})
    assert (new.created_by_kind, new.created_by_id, new.limits) == ("user", root.id, original.limits)
    assert list(Step.objects.filter(run=new).values_list("n", "epoch")) == [(1, 0), (2, 0)]


def test_the_pages_name_each_other(admin, support):
    original = worked(support)
    new = new_run(admin.post(url(original, "rerun/"), form(original, from_step=3)))
    page = text(admin.get(url(new)))
    assert f'href="{url(original)}">rerun of another run from step 3</a>' in page
    assert f'href="{url(original, "compare/")}?with={new.id}"' in page
    assert page.count(">reused</span>") == 2
    assert f'href="{url(new)}">rerun from step 3</a>' in text(admin.get(url(original)))
    assert "and reused by this run" in text(admin.get(url(new, "steps/1/")))


def test_what_may_be_otherwise(admin, support):
    original = worked(support)
    publish(original.agent, [{"text": "x"}])
    changed = form(original, input="And eight?\r\nNine?", agent_version=2, steps=4, usd="0.5")
    new = new_run(admin.post(url(original, "rerun/"), changed))
    assert canonical.load(new.input) == "And eight?\nNine?"
    assert (new.agent_version.number, new.limits) == (2, {"steps": 4, "usd": 0.5})


def test_an_input_of_json_stays_json(admin, support):
    original = worked(support, input={"q": [1]})
    assert "Input, as JSON" in text(admin.get(url(original, "rerun/")))
    refused = admin.post(url(original, "rerun/"), form(original, input="{q}"))
    assert "This is not JSON" in text(refused)
    new = new_run(admin.post(url(original, "rerun/"), form(original, input='{"q": [2]}')))
    assert canonical.load(new.input) == {"q": [2]}
    assert new_run(admin.post(url(original, "rerun/"), form(original, input=""))).input == original.input


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"from_step": 2}, "Select a valid choice."),
        ({"from_step": 99}, "Select a valid choice."),
        (
            {"from_step": 3, "input": "else"},
            "The reused steps answer the original&#x27;s input; change it",
        ),
        ({"agent_version": 9}, "Select a valid choice."),
        ({"steps": -1}, "/limits/steps"),
        ({"tokens": "many"}, "Enter a whole number."),
    ],
)
def test_what_is_refused_is_told_on_the_form(admin, support, changes, said):
    original = worked(support)
    page = text(admin.post(url(original, "rerun/"), form(original, **changes)))
    assert said in page
    assert 'name="from_step"' in page
    assert Run.objects.count() == 1


def test_who_may_look_may_not_run_it_again(support):
    original = worked(support)
    looker = staff("view_run")
    page = text(looker.get(url(original)))
    assert "Run again" not in page
    assert f'href="{url(original, "compare/")}"' in page
    assert "Rerun from here" not in text(looker.get(url(original, "steps/3/")))
    for answer in (looker.get(url(original, "rerun/")), looker.post(url(original, "rerun/"), form(original))):
        assert answer.status_code == 403
    nobody = staff()
    for path in ("rerun/", "compare/"):
        assert nobody.get(url(original, path)).status_code == 403
    assert Run.objects.count() == 1


def test_another_page_cannot_send_the_forms(root, support):
    thread = create_thread(support.id)
    original = worked(support, thread_id=thread.id)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(root)
    assert browser.post(url(original, "rerun/"), form(original)).status_code == 403
    assert browser.post(thread_url(thread, "fork/"), {"at_run": original.id}).status_code == 403
    assert (Run.objects.count(), Thread.objects.count()) == (1, 1)


def test_what_is_not_there(admin, support):
    for path in ("rerun/", "compare/"):
        assert admin.get(f"/admin/runs/run/{new_id()}/{path}").status_code == 404
    run = worked(support)
    foreign = worked(make_workspace("sales"))
    for other in (new_id(), foreign.id, "x"):
        assert admin.get(url(run, f"compare/?with={other}")).status_code == 404


def test_two_runs_side_by_side(admin, support):
    original = worked(support)
    other = worked(support, said="It is 43.")
    Step.objects.filter(run=other, n=2).update(result=b"43")
    page = text(admin.get(url(original, f"compare/?with={other.id}")))
    assert "≠ 2 of 3 steps differ" in page
    assert "≠ another answer" in page
    assert "It is <mark>42.</mark>" in page
    assert "It is <mark>43.</mark>" in page
    assert re.findall(r'aria-hidden="true">(.)</span>', page) == ["=", "≠", "≠"]
    assert 'href="#pair-2"' in page
    for run in (original, other):
        assert page.count(f'data-source="{url(run, "steps/2/")}"') == 1
    assert "Duration" in page


def test_runs_that_did_the_same(admin, support):
    original, other = worked(support), worked(support)
    page = text(admin.get(url(original, f"compare/?with={other.id}")))
    assert "= all 3 steps are the same" in page
    assert "= the same answer" in page
    assert "<mark>" not in page


def test_a_step_that_only_one_of_them_made(admin, support):
    original, other = worked(support), set_up_run(support, input="<b>")
    finish(other, RunStatus.FAILED, error_detail="<i>away</i>")
    page = text(admin.get(url(original, f"compare/?with={other.id}")))
    assert page.count("only here") == 6
    assert page.count("no such step") == 3
    assert "&lt;i&gt;away&lt;/i&gt;" in page
    assert "No answer." in page


def test_without_another_run_the_page_asks_for_it(admin, support):
    original = worked(support)
    reruns = [new_run(admin.post(url(original, "rerun/"), form(original))) for _ in range(2)]
    stranger = worked(support)
    for run, offered in ((original, reruns), (reruns[0], [original, reruns[1]])):
        page = text(admin.get(url(run, "compare/")))
        assert 'name="with"' in page
        assert set(re.findall(r'\?with=([0-9a-f-]{36})">compare', page)) == {str(row.id) for row in offered}
        assert str(stranger.id) not in page


def talk(workspace: Workspace) -> tuple[Thread, list[Run]]:
    """A conversation of two runs, each with what it told the thread."""
    thread = create_thread(workspace.id, title="Refunds")
    runs = []
    for asked, said in (("Where is <my> money?", "On its way."), ("When?", "Tomorrow.")):
        run = set_up_run(workspace, input=asked, thread_id=thread.id)
        parts = [{"part_kind": "user-prompt", "content": asked}]
        told = [{"kind": "request", "parts": parts}, {"kind": "response", **canonical.load(answered(said))}]
        finish(run, output=canonical.dump(said), messages=canonical.dump(told))
        runs.append(run)
    Run.objects.filter(id=runs[0].id).update(finished_at=F("finished_at") - timedelta(minutes=1))
    return thread, runs


def test_a_conversation_is_forked_at_a_run(admin, support):
    thread, (first, second) = talk(support)
    page = text(admin.get(thread_url(thread)))
    for run in (first, second):
        assert f'name="at_run" value="{run.id}"' in page
    answer = admin.post(thread_url(thread, "fork/"), {"at_run": first.id})
    fork = Thread.objects.exclude(id=thread.id).get()
    assert answer["Location"] == thread_url(fork)
    assert (fork.title, fork.forked_from_id, fork.forked_at) == ("Refunds", thread.id, first.id)
    assert list(Turn.objects.filter(thread=fork).values_list("run_id", flat=True)) == [first.id]
    page = text(admin.get(thread_url(fork)))
    assert page.index("Where is &lt;my&gt; money?") < page.index("On its way.") < page.index("since the fork")
    assert "Tomorrow." not in page
    assert f'href="{thread_url(thread)}">another thread</a>' in page
    assert f'href="{url(first)}">from this run</a>' in page
    assert f'href="{thread_url(fork)}">Refunds</a>' in text(admin.get(thread_url(thread)))


def test_a_fork_stands_when_its_runs_are_gone(admin, support):
    thread, (first, _second) = talk(support)
    fork = fork_thread(support.id, thread.id)
    assert text(admin.get(thread_url(fork))).count("from this run") == 2
    erase_run(support.id, first.id)
    page = text(admin.get(thread_url(fork)))
    assert page.count("from a run that is no longer here") == 1
    assert "On its way." in page


def test_a_fork_is_refused(admin, support):
    thread, _runs = talk(support)
    busy = set_up_run(support, thread_id=thread.id)
    assert f'value="{busy.id}"' not in text(admin.get(thread_url(thread)))
    page = text(admin.post(thread_url(thread, "fork/"), {"at_run": busy.id}, follow=True))
    assert "a thread is forked at a run that has ended" in page
    stranger = worked(support)
    page = text(admin.post(thread_url(thread, "fork/"), {"at_run": stranger.id}, follow=True))
    assert "There is no such run" in page
    assert admin.post(thread_url(thread, "fork/"), {"at_run": "x"}).status_code == 404
    assert admin.post(f"/admin/runs/thread/{new_id()}/fork/", {"at_run": busy.id}).status_code == 404
    assert admin.get(thread_url(thread, "fork/")).status_code == 405
    looker = staff("view_thread")
    assert "Fork from here" not in text(looker.get(thread_url(thread)))
    assert looker.post(thread_url(thread, "fork/"), {"at_run": busy.id}).status_code == 403
    assert Thread.objects.count() == 1
