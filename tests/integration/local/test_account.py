"""The demo's account is made once and mended when the database and the kept file disagree."""

import pytest

from apps.accounts.models import ApiKey, Membership, User, Workspace
from apps.accounts.services import revoke_api_key
from workers.local.account import EMAIL, SLUG, ensure_account

pytestmark = pytest.mark.django_db


def test_it_works() -> None:
    made = ensure_account({})
    user = User.objects.get(email=EMAIL)
    assert user.check_password(made["password"])
    assert user.is_staff
    assert Membership.objects.get(user=user, workspace__slug=SLUG).role == "owner"
    assert made["api_key"].startswith("cef_")


def test_a_second_call_changes_nothing() -> None:
    made = ensure_account({})
    password_hash = User.objects.get(email=EMAIL).password
    assert ensure_account(made) == made
    assert User.objects.get(email=EMAIL).password == password_hash
    assert (Workspace.objects.filter(slug=SLUG).count(), ApiKey.objects.count()) == (1, 1)


def test_a_revoked_or_foreign_key_is_replaced() -> None:
    made = ensure_account({})
    revoke_api_key(ApiKey.objects.get())
    mended = ensure_account(made)
    assert mended["api_key"] != made["api_key"]
    assert mended["password"] == made["password"]
    assert ensure_account(mended | {"api_key": "nonsense"})["api_key"] not in {"nonsense", mended["api_key"]}


def test_a_password_that_was_kept_is_made_true_again() -> None:
    made = ensure_account({})
    user = User.objects.get(email=EMAIL)
    user.set_password("other")
    user.save()
    assert ensure_account(made)["password"] == made["password"]
    user.refresh_from_db()
    assert user.check_password(made["password"])
