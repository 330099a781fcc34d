"""The pages of providers in the admin, and what their buttons do."""

import json
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from apps.accounts.models import Workspace
from apps.providers import services
from apps.providers.credentials import unseal
from apps.providers.models import EmbeddingModel, LanguageModel, Provider
from tests.integration.accounts.people import make_user
from tests.integration.providers.test_requests import KEY, ServedModel

ADMIN = "/admin/providers"


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def told(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def provider_form(workspace: Workspace, **fields: Any) -> dict[str, Any]:
    form = {"workspace": workspace.pk, "slug": "openai", "kind": "openai", "name": "OpenAI", "base_url": ""}
    return form | {"settings": "{}", "timeout_s": 60, "enabled": "on"} | fields


def model_form(provider: Provider, **fields: Any) -> dict[str, Any]:
    form = {"provider": provider.pk, "name": "m", "context_window": 8000, "tokenizer": "estimate", "is_active": "on"}
    return form | {"settings": "{}", "script": "null"} | fields


def errors(answer: Any) -> dict[str, list[str]]:
    return dict(answer.context["adminform"].form.errors)


def test_every_list_and_form_opens(root: Client, echo: LanguageModel) -> None:
    services.sync_embedding_models()
    pages = [
        *(
            f"{ADMIN}/{name}/{page}"
            for name in ("provider", "languagemodel", "embeddingmodel")
            for page in ("", "add/")
        ),
        f"{ADMIN}/provider/{echo.provider_id}/change/",
        f"{ADMIN}/languagemodel/{echo.pk}/change/",
        f"{ADMIN}/embeddingmodel/{EmbeddingModel.objects.get(name='hash').pk}/change/",
        f"{ADMIN}/provider/?q=script",
        f"{ADMIN}/languagemodel/?q=echo",
    ]
    assert {page: root.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_a_provider_is_added_with_its_credentials_and_they_are_never_shown(root: Client, workspace: Workspace) -> None:
    answer = root.post(f"{ADMIN}/provider/add/", provider_form(workspace, api_key=KEY))
    assert answer.status_code == 302
    provider = Provider.objects.get()
    assert (provider.slug, provider.timeout_s) == ("openai", 60.0)
    assert unseal(provider) == {"api_key": KEY}
    page = root.get(f"{ADMIN}/provider/{provider.pk}/change/").content.decode()
    assert KEY not in page
    assert provider.credentials not in page
    assert "…cdef" in page


def test_saving_without_credentials_keeps_the_stored_ones(root: Client, workspace: Workspace) -> None:
    provider = services.create_provider(workspace.id, slug="openai", kind="openai")
    services.set_credentials(provider, {"api_key": KEY})
    form = provider_form(workspace, name="Renamed", requests_per_minute=30)
    assert root.post(f"{ADMIN}/provider/{provider.pk}/change/", form).status_code == 302
    provider.refresh_from_db()
    assert (provider.name, provider.requests_per_minute) == ("Renamed", 30)
    assert unseal(provider) == {"api_key": KEY}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"base_url": "http://169.254.169.254/"}, "base_url"),
        ({"settings": '{"api": "soap"}'}, "settings"),
        ({"settings": "{"}, "settings"),
        ({"aws_access_key_id": "AKIA"}, "api_key"),
        ({"slug": "two words"}, "slug"),
        ({"timeout_s": 0}, "timeout_s"),
    ],
)
def test_a_refusal_stands_beside_its_field(
    fields: dict[str, Any], field: str, root: Client, workspace: Workspace
) -> None:
    answer = root.post(f"{ADMIN}/provider/add/", provider_form(workspace, **fields))
    assert answer.status_code == 200
    assert list(errors(answer)) == [field]
    assert not Provider.objects.exists()


def test_slug_and_kind_stay(root: Client, workspace: Workspace, scripted: Provider) -> None:
    form = provider_form(workspace, slug="other", kind="openai", name="Same")
    assert root.post(f"{ADMIN}/provider/{scripted.pk}/change/", form).status_code == 302
    scripted.refresh_from_db()
    assert (scripted.slug, scripted.kind, scripted.name) == ("script", "scripted", "Same")


def test_a_model_is_added_and_changed(root: Client, scripted: Provider) -> None:
    script = {"turns": [{"text": "hi"}]}
    form = model_form(scripted, name="hi", script=json.dumps(script))
    assert root.post(f"{ADMIN}/languagemodel/add/", form).status_code == 302
    model = LanguageModel.objects.get()
    assert (model.name, model.script, model.workspace_id) == ("hi", script, scripted.workspace_id)
    changed = {**form, "output_price": "2.5", "is_active": ""}
    assert root.post(f"{ADMIN}/languagemodel/{model.pk}/change/", changed).status_code == 302
    model.refresh_from_db()
    assert (str(model.output_price), model.is_active) == ("2.500000", False)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"script": '{"turns": [{"txt": "?"}]}'}, "script"),
        ({"script": "{"}, "script"),
        ({"script": "null"}, "script"),
        ({"script": '[{"text": "ok"}]', "settings": '{"temperature": 9}'}, "settings"),
    ],
)
def test_a_bad_script_is_not_lost(fields: dict[str, Any], field: str, root: Client, scripted: Provider) -> None:
    answer = root.post(f"{ADMIN}/languagemodel/add/", model_form(scripted, **fields))
    assert answer.status_code == 200
    assert list(errors(answer)) == [field]
    assert answer.context["adminform"].form["script"].value() == fields["script"]
    assert not LanguageModel.objects.exists()


def test_a_ring_of_fallbacks_is_refused(root: Client, echo: LanguageModel) -> None:
    form = model_form(echo.provider, name="echo", script=json.dumps(echo.script), fallback=echo.pk)
    answer = root.post(f"{ADMIN}/languagemodel/{echo.pk}/change/", form)
    assert list(errors(answer)) == ["fallback"]


def test_the_button_asks_the_provider(root: Client, echo: LanguageModel, served_model: ServedModel) -> None:
    button = f"{ADMIN}/provider/{echo.provider_id}/test-connection/"
    assert "script:echo" in root.get(button).content.decode()
    answer = root.post(button, {"_form_submitted": "True"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, f"{ADMIN}/provider/{echo.provider_id}/change/")
    assert told(answer)[0].startswith("The model script:echo answered. (ok, ")

    api, row = served_model(401)
    answer = root.post(
        f"{ADMIN}/provider/{row.provider_id}/test-connection/", {"_form_submitted": "1", "model": row.pk}
    )
    assert "(provider_auth_failed, " in told(answer)[-1]
    assert len(api.requests) == 1


def test_looking_at_the_button_asks_nobody(root: Client, served_model: ServedModel) -> None:
    api, row = served_model("ok")
    assert root.get(f"{ADMIN}/provider/{row.provider_id}/test-connection/").status_code == 200
    assert api.requests == []


def test_a_viewer_may_not_press_it(echo: LanguageModel) -> None:
    client = Client()
    client.force_login(make_user("vera", is_staff=True))
    assert client.post(f"{ADMIN}/provider/{echo.provider_id}/test-connection/").status_code == 403


def test_what_is_in_use_is_not_removed(root: Client, echo: LanguageModel, workspace: Workspace) -> None:
    unused = services.create_provider(workspace.id, slug="unused", kind="openai")
    assert root.post(f"{ADMIN}/provider/{unused.pk}/delete/", {"post": "yes"}).status_code == 302
    root.post(f"{ADMIN}/provider/{echo.provider_id}/delete/", {"post": "yes"})
    assert list(Provider.objects.values_list("slug", flat=True)) == ["script"]


def test_an_embedding_model_is_added(root: Client, workspace: Workspace) -> None:
    provider = services.create_provider(workspace.id, slug="openai", kind="openai")
    form = {"provider": provider.pk, "name": "text-embedding-3-small", "dimensions": 1536}
    assert root.post(f"{ADMIN}/embeddingmodel/add/", form).status_code == 302
    assert EmbeddingModel.objects.get(name="text-embedding-3-small").workspace == workspace
