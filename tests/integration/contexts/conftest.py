"""Two workspaces, and the embedder that needs no weights."""

import pytest

from apps.accounts.models import Workspace
from apps.contexts.changes import Author
from apps.contexts.models import Context
from apps.contexts.services import create_context


@pytest.fixture(autouse=True)
def _hash_embedder(settings) -> None:
    settings.CEF_EMBEDDER = "hash"


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="acme", name="Acme")


@pytest.fixture
def stranger(db: None) -> Workspace:
    return Workspace.objects.create(slug="other", name="Other")


@pytest.fixture
def case(workspace: Workspace) -> Context:
    return create_context(workspace.id, path="support/acme/case-42")


@pytest.fixture
def acme(case: Context) -> Context:
    assert case.parent is not None
    return case.parent


@pytest.fixture
def support(acme: Context) -> Context:
    assert acme.parent is not None
    return acme.parent


@pytest.fixture
def alice() -> Author:
    return Author("alice")
