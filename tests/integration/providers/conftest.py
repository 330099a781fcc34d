"""A workspace with its people, and a badly behaved provider."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from apps.accounts.models import User, Workspace
from apps.accounts.services import create_workspace
from apps.providers.factory import forget_models
from apps.providers.models import LanguageModel, Provider
from apps.providers.services import create_model, create_provider
from tests.integration.providers.fake_api import FakeApi


@pytest.fixture(autouse=True)
def _no_model_of_another_test() -> Iterator[None]:
    forget_models()
    yield
    forget_models()


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice@example.org", "secret")


@pytest.fixture
def workspace(alice: User) -> Workspace:
    return create_workspace("support", name="Support", owner=alice)


@pytest.fixture
def scripted(workspace: Workspace) -> Provider:
    return create_provider(workspace.id, slug="script", kind="scripted")


@pytest.fixture
def echo(scripted: Provider) -> LanguageModel:
    return create_model(scripted, name="echo", script={"turns": [{"text": "{input}"}], "repeat_last": True})


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeApi]]:
    """Start servers with these behaviours; all end with the test."""
    with ExitStack() as stack:
        yield lambda *behaviours: stack.enter_context(FakeApi(*behaviours).running())


@pytest.fixture
def served_model(workspace: Workspace, serve: Callable[..., FakeApi]) -> Callable[..., tuple[FakeApi, LanguageModel]]:
    """A model row of a local provider that a fake server answers for."""

    def make(*behaviours: Any, slug: str = "local", **fields: Any) -> tuple[FakeApi, LanguageModel]:
        api = serve(*behaviours)
        provider = create_provider(workspace.id, slug=slug, kind="local", base_url=api.url, **fields)
        return api, create_model(provider, name="m")

    return make
