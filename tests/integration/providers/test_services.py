"""Writes of providers and models, their refusals, and the test of a connection."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from apps.accounts.models import User, Workspace
from apps.accounts.services import create_workspace
from apps.core.exceptions import InvalidInput, NotFound, Undecryptable
from apps.providers import services
from apps.providers.credentials import unseal
from apps.providers.exceptions import FallbackRefused, InUse, InvalidScript, ModelSwitchedOff, UnsafeAddress
from apps.providers.factory import build_embedder, build_model
from apps.providers.models import EmbeddingModel, LanguageModel, Provider
from apps.providers.selectors import embedding_model_by_name, model_by_name, models_with_fallbacks, provider_by_slug
from tests.integration.providers.test_requests import KEY, ServedModel, ask


@pytest.fixture
def openai(workspace: Workspace) -> Provider:
    return services.create_provider(workspace.id, slug="openai", kind="openai")


def test_it_works(openai: Provider, workspace: Workspace) -> None:
    assert (openai.name, openai.enabled, openai.timeout_s, openai.credentials) == ("openai", True, 120.0, "")
    provider = services.set_credentials(openai, {"api_key": KEY})
    assert provider.credentials_hint == "cdef"
    assert KEY not in provider.credentials
    assert unseal(provider) == {"api_key": KEY}
    model = services.create_model(provider, name="gpt-4o", context_window=128_000)
    assert str(model) == "openai:gpt-4o"
    assert model.workspace_id == workspace.id
    assert model_by_name(workspace.id, "openai:gpt-4o") == model


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"slug": "not a slug"}, ValidationError),
        ({"kind": "telepathy"}, ValidationError),
        ({"requests_per_minute": 0}, ValidationError),
        ({"timeout_s": 0}, ValidationError),
        ({"settings": {"api": "soap"}}, InvalidInput),
        ({"settings": []}, InvalidInput),
        ({"base_url": "http://10.0.0.1/v1"}, UnsafeAddress),
        ({"kind": "scripted", "base_url": "https://8.8.8.8/v1"}, UnsafeAddress),
    ],
)
def test_a_bad_provider_is_refused(fields: dict[str, Any], error: type[Exception], workspace: Workspace) -> None:
    with pytest.raises(error):
        services.create_provider(workspace.id, **({"slug": "p", "kind": "openai"} | fields))
    assert not Provider.objects.exists()


def test_a_slug_is_unique_in_its_workspace_only(openai: Provider, alice: User) -> None:
    with pytest.raises(ValidationError):
        services.create_provider(openai.workspace_id, slug="openai", kind="openai")
    other = create_workspace("sales", name="Sales", owner=alice)
    assert services.create_provider(other.id, slug="openai", kind="openai").slug == "openai"


def test_the_database_refuses_what_slips_through(openai: Provider) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Provider.objects.create(workspace=openai.workspace, slug="openai", kind="openai", name="again")


@pytest.mark.parametrize(
    ("url", "kept"), [("https://8.8.4.4/v1", False), ("http://8.8.8.8/v1", False), ("https://8.8.8.8/v2", True)]
)
def test_another_servers_address_drops_the_credentials(url: str, kept: bool, workspace: Workspace) -> None:
    provider = services.create_provider(workspace.id, slug="p", kind="openai_compatible", base_url="https://8.8.8.8/v1")
    services.set_credentials(provider, {"api_key": KEY})
    changed = services.update_provider(provider, base_url=url)
    stored = (changed.credentials, changed.credentials_hint, changed.credentials_fingerprint)
    assert all(stored) if kept else not any(stored)


def test_credentials_can_be_dropped(openai: Provider) -> None:
    services.set_credentials(openai, {"api_key": KEY})
    cleared = services.clear_credentials(openai)
    assert (cleared.credentials, cleared.credentials_hint, cleared.credentials_fingerprint) == ("", "", "")


def test_a_provider_with_models_stays(openai: Provider) -> None:
    model = services.create_model(openai, name="gpt-4o")
    with pytest.raises(InUse):
        services.delete_provider(openai)
    services.delete_model(model)
    services.delete_provider(openai)
    assert not Provider.objects.exists()


def test_what_is_published_fills_what_is_not_said(openai: Provider, scripted: Provider, workspace: Workspace) -> None:
    def known(provider: Provider, name: str, **fields: Any) -> tuple[int, str]:
        model = services.create_model(provider, name=name, **fields)
        return model.context_window, model.tokenizer

    anthropic = services.create_provider(workspace.id, slug="anthropic", kind="anthropic")
    assert known(openai, "gpt-4.1") == (1_000_000, "o200k_base")
    assert known(anthropic, "claude-sonnet-4-5") == (200_000, "estimate")
    assert known(anthropic, "no-such-model") == (128_000, "estimate")
    assert known(scripted, "m", script=[{"text": "x"}]) == (128_000, "o200k_base")
    assert known(openai, "gpt-4o", context_window=1000, tokenizer="cl100k_base") == (1000, "cl100k_base")


@pytest.mark.parametrize("script", [None, [], {"turns": [{"txt": "?"}]}])
def test_a_scripted_model_needs_a_script(script: Any, scripted: Provider) -> None:
    with pytest.raises((InvalidScript, ValidationError)):
        services.create_model(scripted, name="m", script=script)
    assert not LanguageModel.objects.exists()


def test_another_model_has_none(openai: Provider) -> None:
    with pytest.raises(InvalidScript):
        services.create_model(openai, name="m", script=[{"text": "hi"}])


@pytest.mark.parametrize("options", [{"temperature": 9}, {"temprature": 1}, {"max_tokens": 0}, {"extra_headers": {}}])
def test_odd_settings_of_a_model_are_refused(options: dict[str, Any], openai: Provider) -> None:
    with pytest.raises(InvalidInput):
        services.create_model(openai, name="m", settings=options)


def test_a_fallback_ring_is_refused(echo: LanguageModel, openai: Provider) -> None:
    second = services.create_model(openai, name="second", fallback=echo)
    third = services.create_model(openai, name="third", fallback=second)
    for fallback in (echo, second, third):
        with pytest.raises(FallbackRefused):
            services.update_model(echo, fallback=fallback)
    echo.refresh_from_db()
    assert echo.fallback is None
    with pytest.raises(FallbackRefused):
        services.create_model(openai, name="fourth", fallback=third)


def test_a_fallback_of_another_workspace_is_refused(echo: LanguageModel, alice: User) -> None:
    other = create_workspace("sales", name="Sales", owner=alice)
    theirs = services.create_provider(other.id, slug="p", kind="openai")
    with pytest.raises(FallbackRefused):
        services.create_model(theirs, name="m", fallback=echo)


def test_a_fallback_in_use_stays(echo: LanguageModel, openai: Provider) -> None:
    services.create_model(openai, name="m", fallback=echo)
    with pytest.raises(InUse):
        services.delete_model(echo)


def test_a_model_is_built_once_until_something_changes(echo: LanguageModel) -> None:
    def built() -> object:
        return build_model(models_with_fallbacks().get(pk=echo.pk))

    first = built()
    assert built() is first
    services.update_model(echo, script=[{"text": "changed"}])
    second = built()
    assert second is not first
    services.update_provider(echo.provider, timeout_s=7.0)
    third = built()
    assert third is not second
    assert built() is third


def test_a_changed_fallback_is_noticed(echo: LanguageModel, openai: Provider) -> None:
    services.set_credentials(openai, {"api_key": KEY})
    main = services.create_model(openai, name="main", fallback=echo)
    first = build_model(models_with_fallbacks().get(pk=main.pk))
    services.update_model(echo, script=[{"text": "changed"}])
    assert build_model(models_with_fallbacks().get(pk=main.pk)) is not first


def test_a_chain_is_built_from_one_query(
    echo: LanguageModel, openai: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    services.set_credentials(openai, {"api_key": KEY})
    second = services.create_model(openai, name="second", fallback=echo)
    first = services.create_model(openai, name="first", fallback=second)
    with django_assert_num_queries(1):
        build_model(models_with_fallbacks().get(pk=first.pk))


@pytest.mark.parametrize("off", ["model", "provider"])
def test_what_is_switched_off_is_not_built(off: str, echo: LanguageModel) -> None:
    if off == "model":
        services.update_model(echo, is_active=False)
    else:
        services.update_provider(echo.provider, enabled=False)
    with pytest.raises(ModelSwitchedOff):
        build_model(models_with_fallbacks().get(pk=echo.pk))


def test_a_built_model_answers(echo: LanguageModel) -> None:
    assert ask(build_model(echo)).text == "hi"


def test_names_that_lead_nowhere(echo: LanguageModel, alice: User) -> None:
    other = create_workspace("sales", name="Sales", owner=alice)
    mine = echo.workspace_id
    for workspace_id, written in ((mine, "script:none"), (mine, "x"), (other.id, "script:echo")):
        with pytest.raises(NotFound) as caught:
            model_by_name(workspace_id, written)
        assert caught.value.code == "language_model_not_found"
    with pytest.raises(NotFound):
        provider_by_slug(other.id, "script")


def test_the_embedded_embedding_models_are_everybodys(workspace: Workspace) -> None:
    services.sync_embedding_models()
    services.sync_embedding_models()
    rows = EmbeddingModel.objects.filter(workspace=None).order_by("name")
    assert list(rows.values_list("name", "kind", "dimensions")) == [("hash", "hash", 384), ("minilm", "minilm", 384)]
    row = embedding_model_by_name(workspace.id, "hash")
    assert build_embedder(row).embed(["x"]).shape == (1, 384)


def test_a_workspaces_embedding_model_comes_before_the_platforms(openai: Provider) -> None:
    services.sync_embedding_models()
    mine = services.create_embedding_model(openai, name="minilm", dimensions=1536)
    assert embedding_model_by_name(openai.workspace_id, "minilm") == mine


class TestConnection:
    """One small request tells whether a provider answers."""

    def test_it_works(self, echo: LanguageModel) -> None:
        report = services.test_connection(echo.provider)
        assert (report.ok, report.code, report.detail) == (True, "ok", "The model script:echo answered.")

    def test_it_asks_once_and_shortly(self, served_model: ServedModel) -> None:
        api, row = served_model(503)
        report = services.test_connection(row.provider, row)
        assert (report.ok, report.code) == (False, "provider_unavailable")
        assert report.detail == (
            "The provider 'local' could not be reached or could not serve (HTTP 503): "
            "as told, with key sk-0123456789abcdef"
        )
        assert [body["max_completion_tokens"] for _, _, body in api.requests] == [16]

    def test_it_says_what_is_missing(self, openai: Provider, workspace: Workspace) -> None:
        assert services.test_connection(openai).code == "no_model"
        services.create_model(openai, name="gpt-4o")
        report = services.test_connection(openai)
        assert (report.ok, report.code) == (False, "credentials_missing")
        compatible = services.create_provider(workspace.id, slug="c", kind="openai_compatible")
        services.create_model(compatible, name="m")
        assert services.test_connection(compatible).code == "base_url_missing"

    def test_it_gives_up_in_time(self, served_model: ServedModel) -> None:
        _, row = served_model("hang", timeout_s=0.2)
        report = services.test_connection(row.provider)
        assert (report.ok, report.code) == (False, "provider_timeout")
        assert 200 <= report.latency_ms < 5000

    def test_it_also_asks_what_is_switched_off(self, echo: LanguageModel) -> None:
        provider = services.update_provider(echo.provider, enabled=False)
        services.update_model(echo, is_active=False)
        assert services.test_connection(provider).ok

    def test_the_command_says_the_same(
        self, echo: LanguageModel, served_model: ServedModel, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("test_provider", "script", "--workspace", "support", "--model", "echo")
        assert capsys.readouterr().out.startswith("The model script:echo answered. (")
        served_model(401)
        with pytest.raises(CommandError, match="provider_auth_failed after"):
            call_command("test_provider", "local", "--workspace", "support")

    @pytest.mark.parametrize("arguments", [("none", "--workspace", "support"), ("script", "--workspace", "none")])
    def test_the_command_knows_what_is_not_there(self, arguments: tuple[str, ...], echo: LanguageModel) -> None:
        with pytest.raises(CommandError, match="There is no"):
            call_command("test_provider", *arguments)


class TestRotation:
    """Every credential moves to the active key, so that old keys can go."""

    def test_it_works(self, openai: Provider, scripted: Provider, settings: Settings, capsys: Any) -> None:
        settings.CEF_ENCRYPTION_KEYS = {"old": b"o" * 32}
        services.set_credentials(openai, {"api_key": KEY})
        settings.CEF_ENCRYPTION_KEYS = {"new": b"n" * 32, "old": b"o" * 32}
        call_command("rotate_keys")
        assert capsys.readouterr().out == "Encrypted the credentials of 1 providers again.\n"
        settings.CEF_ENCRYPTION_KEYS = {"new": b"n" * 32}
        openai.refresh_from_db()
        assert unseal(openai) == {"api_key": KEY}

    def test_a_lost_key_is_an_error_and_changes_nothing(self, openai: Provider, settings: Settings) -> None:
        before = services.set_credentials(openai, {"api_key": KEY}).credentials
        settings.CEF_ENCRYPTION_KEYS = {"new": b"n" * 32}
        with pytest.raises(Undecryptable):
            services.rotate_credentials()
        openai.refresh_from_db()
        assert openai.credentials == before


def test_no_credential_is_ever_logged(
    openai: Provider, served_model: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    services.set_credentials(openai, {"api_key": KEY})
    services.create_model(openai, name="m")
    _, row = served_model(401)
    services.set_credentials(row.provider, {"api_key": KEY})
    services.test_connection(Provider.objects.get(slug="local"))
    services.rotate_credentials()
    assert KEY not in caplog.text
