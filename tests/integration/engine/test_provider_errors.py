"""A provider that fails: tried again as its failure deserves, then a run that says why."""

import pytest

from apps.providers.services import update_model
from apps.runs.models import Run, Step
from apps.runs.services import RunRequest, create_run, resume_run
from tests.integration.engine.following import ended, outcome, output, steps
from tests.integration.runs.world import history, make_agent, make_model


def submit(workspace, script, **definition) -> Run:
    make_agent(workspace, script, **definition)
    return create_run(workspace.id, RunRequest(agent="docs", input="go"))


def failing(status: int, **more) -> dict:
    return {"error": {"status": status, "message": "Said the provider.", "retry_after_s": 0.01}, **more}


def test_it_works(support, host):
    run = submit(support, [failing(503, times=1, text="There.")])
    assert (ended(run).status, output(run), run.model_calls) == ("succeeded", "There.", 1)
    assert [kind for kind, _, _ in steps(run)] == ["model"]


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (failing(401), "provider_auth_failed"),
        (failing(403), "provider_auth_failed"),
        (failing(400), "provider_rejected"),
        (failing(404), "provider_rejected"),
        (failing(422), "provider_rejected"),
        (failing(429), "provider_rate_limited"),
        (failing(408), "provider_timeout"),
        (failing(500), "provider_unavailable"),
        (failing(503), "provider_unavailable"),
        ({"malformed": True}, "provider_malformed"),
    ],
)
def test_each_kind_has_its_code(support, host, turn, code):
    run = submit(support, [turn])
    assert outcome(run) == ("failed", "error", code)
    assert run.error_detail
    assert (run.output, run.step_count, Step.objects.count()) == (None, 0, 0)
    assert history(run.id) == ["run.queued", "run.started", "run.failed"]


def test_the_providers_words_are_told_but_not_those_about_credentials(support, host):
    said = submit(support, [failing(400)])
    ended(said)
    assert "Said the provider." in said.error_detail
    make_agent(support, [failing(401)], slug="other")
    silent = ended(create_run(support.id, RunRequest(agent="other", input="go")))
    assert "Said the provider." not in silent.error_detail


def test_a_script_at_its_end(support, host):
    assert outcome(submit(support, [{"tool_calls": [{"name": "nope"}]}])) == ("failed", "error", "script_exhausted")


def test_a_model_that_is_switched_off_meanwhile(support, host):
    model = make_model(support)
    make_agent(support, model=str(model))
    update_model(model, is_active=False)
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    assert outcome(run) == ("failed", "error", "model_switched_off")


def test_a_failed_run_goes_on_where_it_stopped_once_the_provider_is_back(support, tools, hosts):
    host = hosts.start()
    script = [{"tool_calls": [{"name": "double", "args": {"x": 1}}]}, failing(400)]
    model = make_model(support, script)
    make_agent(support, model=str(model), tools=[{"name": "double"}])
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    assert outcome(run) == ("failed", "error", "provider_rejected")
    update_model(model, script=[{"text": "Never asked again."}, {"text": "Back."}])
    hosts.stop(host)  # a process may not notice for ten seconds
    hosts.start()
    resume_run(support.id, run.id)
    ended(run)
    assert (run.status, output(run), run.attempt) == ("succeeded", "Back.", 2)
    assert steps(run) == [("model", "script", 1), ("tool", "double", 1), ("model", "script", 2)]


def test_a_fallback_answers_when_the_first_is_away(support, host):
    second = make_model(support, [{"text": "From the second."}])
    first = make_model(support, [failing(503)], fallback=second)
    make_agent(support, model=str(first))
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, output(run)) == ("succeeded", "From the second.")
