"""Rows are narrowed to a workspace in one place."""

import uuid

import pytest

from apps.accounts.models import ApiKey, Membership, ServiceAccount, User, Workspace
from apps.accounts.principals import Principal
from apps.accounts.scoping import get_visible, owned, visible
from apps.accounts.selectors import user_principal
from apps.core.exceptions import NotFound
from apps.tools.models import Tool
from tests.integration.accounts.people import key_of


@pytest.fixture
def asker(support: Workspace, alice: User) -> Principal:
    return user_principal(alice, "support")


def test_direct_and_indirect_rows_of_other_workspaces_are_invisible(
    asker: Principal, support: Workspace, sales: Workspace
) -> None:
    ours = ServiceAccount.objects.create(workspace=support, name="ours")
    ServiceAccount.objects.create(workspace=sales, name="theirs")
    key = key_of(Membership.objects.get(workspace=support)).key
    key_of(Membership.objects.get(workspace=sales))
    assert list(visible(ServiceAccount, asker)) == [ours]
    assert list(visible(ApiKey.objects.all(), asker)) == [key]
    assert list(visible(Workspace, asker)) == [support]


def test_platform_rows_are_seen_and_not_owned(asker: Principal, support: Workspace, sales: Workspace) -> None:
    built_in = list(Tool.objects.values_list("name", flat=True))
    shared = Tool.objects.create(workspace=None, name="shared")
    ours = Tool.objects.create(workspace=support, name="ours")
    Tool.objects.create(workspace=sales, name="theirs")
    assert set(visible(Tool.objects.exclude(name__in=built_in), asker)) == {shared, ours}
    assert set(owned(Tool, asker)) == {ours}


def test_one_row_or_not_found(asker: Principal, support: Workspace, sales: Workspace) -> None:
    ours = ServiceAccount.objects.create(workspace=support, name="ours")
    theirs = ServiceAccount.objects.create(workspace=sales, name="theirs")
    assert get_visible(ServiceAccount, asker, pk=ours.pk) == ours
    for foreign in (theirs.pk, uuid.uuid4(), "not-an-id"):
        with pytest.raises(NotFound) as caught:
            get_visible(ServiceAccount, asker, pk=foreign)
        assert caught.value.code == "service_account_not_found"
