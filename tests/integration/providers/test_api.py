"""Providers and models over REST: Alice owns, Bob builds, Charlie is a stranger."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.accounts.models import Workspace
from apps.accounts.permissions import Role
from apps.providers import services
from apps.providers.credentials import unseal
from apps.providers.models import LanguageModel, Provider
from tests.integration.accounts.people import bearer, browser, join, key_of, make_user, make_workspace
from tests.integration.providers.test_requests import KEY, ServedModel

PROVIDERS = "/api/v1/providers"
MODELS = "/api/v1/models"


@pytest.fixture
def admin(workspace: Workspace) -> APIClient:
    return bearer(key_of(join(workspace, make_user("ann"), Role.ADMIN)).text)


@pytest.fixture
def builder(workspace: Workspace) -> APIClient:
    return bearer(key_of(join(workspace, make_user("bob"), Role.BUILDER)).text)


@pytest.fixture
def charlie(db: None) -> APIClient:
    return bearer(key_of(join(make_workspace("sales"), make_user("charlie"), Role.ADMIN)).text)


def test_it_works(admin: APIClient, workspace: Workspace) -> None:
    made = admin.post(PROVIDERS, {"slug": "openai", "kind": "openai", "requests_per_minute": 60})
    assert made.status_code == 201
    body = made.json()
    assert body["credentials"] == {"set": False, "hint": "", "fingerprint": ""}
    one = f"{PROVIDERS}/{body['id']}"

    secured = admin.put(f"{one}/credentials", {"api_key": KEY})
    assert secured.status_code == 200
    assert secured.json()["credentials"]["set"]
    assert secured.json()["credentials"]["hint"] == "cdef"
    assert KEY not in secured.content.decode()
    assert unseal(Provider.objects.get()) == {"api_key": KEY}

    model = admin.post(MODELS, {"provider_id": body["id"], "name": "gpt-4o", "settings": {"temperature": 0.2}})
    assert model.status_code == 201
    assert (model.json()["model"], model.json()["context_window"]) == ("openai:gpt-4o", 128_000)

    changed = admin.patch(f"{MODELS}/{model.json()['id']}", {"input_price": "1.5", "is_active": False})
    assert (changed.status_code, changed.json()["input_price"]) == (200, "1.500000")
    assert [row["slug"] for row in admin.get(PROVIDERS).json()["data"]] == ["openai"]
    assert admin.delete(one).json()["code"] == "in_use"
    assert admin.delete(f"{MODELS}/{model.json()['id']}").status_code == 204
    assert admin.delete(f"{one}/credentials").status_code == 204
    assert unseal_fails(Provider.objects.get())
    assert admin.delete(one).status_code == 204
    assert admin.get(one).status_code == 404


def unseal_fails(provider: Provider) -> bool:
    return provider.credentials == provider.credentials_hint == provider.credentials_fingerprint == ""


def test_lists_carry_no_scripts(admin: APIClient, echo: LanguageModel) -> None:
    (row,) = admin.get(MODELS).json()["data"]
    assert "script" not in row
    assert row["model"] == "script:echo"
    assert admin.get(f"{MODELS}/{echo.id}").json()["script"] == {"turns": [{"text": "{input}"}], "repeat_last": True}


def test_lists_can_be_narrowed(admin: APIClient, echo: LanguageModel, workspace: Workspace) -> None:
    other = services.create_provider(workspace.id, slug="openai", kind="openai")
    services.create_model(other, name="gpt-4o")
    narrowed = admin.get(f"{MODELS}?provider={other.id}").json()["data"]
    assert [row["name"] for row in narrowed] == ["gpt-4o"]
    assert [row["slug"] for row in admin.get(f"{PROVIDERS}?kind=scripted").json()["data"]] == ["script"]
    assert admin.get(f"{PROVIDERS}?kind=none").status_code == 422


def test_a_builder_reads_and_does_not_write(builder: APIClient, echo: LanguageModel) -> None:
    one = f"{PROVIDERS}/{echo.provider_id}"
    assert [builder.get(path).status_code for path in (PROVIDERS, one, MODELS, f"{MODELS}/{echo.id}")] == [200] * 4
    refused = [
        builder.post(PROVIDERS, {"slug": "x", "kind": "openai"}),
        builder.patch(one, {"enabled": False}),
        builder.put(f"{one}/credentials", {"api_key": KEY}),
        builder.delete(f"{one}/credentials"),
        builder.post(f"{one}/test", {}),
        builder.delete(one),
        builder.post(MODELS, {"provider_id": str(echo.provider_id), "name": "m"}),
        builder.patch(f"{MODELS}/{echo.id}", {"is_active": False}),
        builder.delete(f"{MODELS}/{echo.id}"),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)


def test_a_stranger_sees_nothing(charlie: APIClient, echo: LanguageModel) -> None:
    one, model = f"{PROVIDERS}/{echo.provider_id}", f"{MODELS}/{echo.id}"
    assert [charlie.get(path).json()["data"] for path in (PROVIDERS, MODELS)] == [[], []]
    hidden = [
        charlie.get(one),
        charlie.patch(one, {"enabled": False}),
        charlie.put(f"{one}/credentials", {"api_key": KEY}),
        charlie.post(f"{one}/test", {}),
        charlie.delete(one),
        charlie.get(model),
        charlie.patch(model, {"is_active": False}),
        charlie.post(MODELS, {"provider_id": str(echo.provider_id), "name": "m"}),
    ]
    assert [answer.status_code for answer in hidden] == [404] * len(hidden)
    echo.provider.refresh_from_db()
    assert echo.provider.enabled


def test_a_fallback_of_another_workspace_does_not_exist(charlie: APIClient, echo: LanguageModel) -> None:
    made = charlie.post(PROVIDERS, {"slug": "p", "kind": "openai"}).json()
    answer = charlie.post(MODELS, {"provider_id": made["id"], "name": "m", "fallback_id": str(echo.id)})
    assert (answer.status_code, answer.json()["code"]) == (404, "language_model_not_found")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"kind": "openai"}, "invalid_input", "/slug"),
        ({"slug": "p"}, "invalid_input", "/kind"),
        ({"slug": "p p", "kind": "openai"}, "invalid_input", "/slug"),
        ({"slug": "p", "kind": "telepathy"}, "invalid_input", "/kind"),
        ({"slug": "p", "kind": "openai", "credentials": "x"}, "invalid_input", "/credentials"),
        ({"slug": "p", "kind": "openai", "api_key": KEY}, "invalid_input", "/api_key"),
        ({"slug": "p", "kind": "openai", "timeout_s": -1}, "invalid_input", "/timeout_s"),
        ({"slug": "p", "kind": "openai", "settings": {"region": "!"}}, "invalid_input", "/settings/region"),
        ({"slug": "p", "kind": "openai", "settings": "x"}, "invalid_input", "/settings"),
    ],
)
def test_what_is_wrong_is_said_where(body: dict[str, Any], code: str, pointer: str, admin: APIClient) -> None:
    answer = admin.post(PROVIDERS, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://127.0.0.1:6379",
        "http://10.0.0.1/v1",
        "file:///etc/passwd",
        "http://0x7f.1/",
    ],
)
def test_no_address_inside_can_be_named(url: str, admin: APIClient) -> None:
    body = {"slug": "p", "kind": "openai_compatible", "base_url": url}
    assert admin.post(PROVIDERS, body).json()["code"] == "unsafe_address"
    made = admin.post(PROVIDERS, {**body, "base_url": "https://8.8.8.8/v1"}).json()
    assert admin.patch(f"{PROVIDERS}/{made['id']}", {"base_url": url}).json()["code"] == "unsafe_address"


def test_only_an_operator_names_an_address_on_the_machine_itself(
    admin: APIClient, workspace: Workspace, settings: Settings
) -> None:
    body = {"slug": "local", "kind": "local", "base_url": "http://127.0.0.1:6379/v1"}
    assert admin.post(PROVIDERS, body).status_code == 403
    made = admin.post(PROVIDERS, {**body, "base_url": ""})
    assert made.status_code == 201
    one = f"{PROVIDERS}/{made.json()['id']}"
    assert admin.patch(one, {"base_url": body["base_url"]}).status_code == 403
    operator = join(workspace, make_user("olga", is_staff=True), Role.ADMIN).user
    assert operator is not None
    assert browser(operator, workspace).patch(one, {"base_url": body["base_url"]}).status_code == 200
    settings.CEF_ALLOW_PRIVATE_PROVIDERS = True
    assert admin.patch(one, {"base_url": body["base_url"]}).status_code == 200


def test_a_slug_that_is_taken_is_refused(admin: APIClient, scripted: Provider) -> None:
    assert admin.post(PROVIDERS, {"slug": scripted.slug, "kind": "openai"}).status_code == 422


@pytest.mark.parametrize(
    "body", [{}, {"api_key": ""}, {"token": "x"}, {"aws_access_key_id": "AKIA"}, {"api_key": "a b"}]
)
def test_odd_credentials_are_refused(body: dict[str, Any], admin: APIClient, workspace: Workspace) -> None:
    provider = services.create_provider(workspace.id, slug="p", kind="openai")
    assert admin.put(f"{PROVIDERS}/{provider.id}/credentials", body).status_code == 422
    provider.refresh_from_db()
    assert provider.credentials == ""


def test_a_script_is_checked(admin: APIClient, scripted: Provider) -> None:
    body = {"provider_id": str(scripted.id), "name": "m", "script": {"turns": [{"txt": "?"}]}}
    answer = admin.post(MODELS, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_script")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/turns/0"]
    assert admin.post(MODELS, {**body, "script": [{"text": "ok"}]}).status_code == 201


def test_a_connection_is_tested(admin: APIClient, echo: LanguageModel, served_model: ServedModel) -> None:
    one = f"{PROVIDERS}/{echo.provider_id}"
    answer = admin.post(f"{one}/test", {}).json()
    assert (answer["ok"], answer["code"], answer["detail"]) == (True, "ok", "The model script:echo answered.")
    _, row = served_model(401)
    answer = admin.post(f"{PROVIDERS}/{row.provider_id}/test", {"model_id": str(row.id)}).json()
    assert (answer["ok"], answer["code"]) == (False, "provider_auth_failed")
    foreign = admin.post(f"{PROVIDERS}/{row.provider_id}/test", {"model_id": str(echo.id)})
    assert foreign.status_code == 404


def test_embedding_models_are_listed_and_added(admin: APIClient, builder: APIClient, workspace: Workspace) -> None:
    services.sync_embedding_models()
    provider = services.create_provider(workspace.id, slug="openai", kind="openai")
    body = {"provider_id": str(provider.id), "name": "text-embedding-3-small", "dimensions": 1536}
    assert builder.post("/api/v1/embedding-models", body).status_code == 403
    assert admin.post("/api/v1/embedding-models", body).status_code == 201
    rows = builder.get("/api/v1/embedding-models").json()["data"]
    assert {row["name"] for row in rows} == {"minilm", "hash", "text-embedding-3-small"}
