"""New runs can be refused, by workspace or everywhere."""

from datetime import datetime

from apps.accounts import services
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Permission, Role
from apps.accounts.selectors import intake_pause, platform_pause
from tests.integration.accounts.people import bearer, browser, join, key_of


def test_it_works(support: Workspace, sales: Workspace, alice: User) -> None:
    client = browser(alice, support)
    assert intake_pause(support.pk) is None
    paused = client.post("/api/v1/workspaces/current/pause-intake")
    assert paused.status_code == 200
    since = intake_pause(support.pk)
    assert since is not None
    assert datetime.fromisoformat(paused.json()["intake_paused_at"]) == since
    assert intake_pause(sales.pk) is None
    assert client.post("/api/v1/workspaces/current/resume-intake").json()["intake_paused_at"] is None
    assert intake_pause(support.pk) is None


def test_the_platform_pauses_everybody(support: Workspace, sales: Workspace) -> None:
    services.pause_intake()
    assert intake_pause(support.pk) == intake_pause(sales.pk) == platform_pause() is not None
    services.resume_intake(support)
    assert intake_pause(support.pk) is not None
    services.resume_intake()
    assert intake_pause(support.pk) is None


def test_pausing_again_keeps_the_start(support: Workspace) -> None:
    services.pause_intake(support)
    services.pause_intake()
    since = intake_pause(support.pk), platform_pause()
    services.pause_intake(support)
    services.pause_intake()
    assert (intake_pause(support.pk), platform_pause()) == since


def test_resuming_what_runs_changes_nothing(support: Workspace) -> None:
    services.resume_intake(support)
    services.resume_intake()
    assert intake_pause(support.pk) is None


def test_a_key_with_the_scope_may_pause_and_a_builder_may_not(support: Workspace, alice: User, bob: User) -> None:
    key = key_of(Membership.objects.get(user=alice), Permission.WORKSPACE_MANAGE)
    assert bearer(key.text).post("/api/v1/workspaces/current/pause-intake").status_code == 200
    join(support, bob, Role.BUILDER)
    assert browser(bob, support).post("/api/v1/workspaces/current/resume-intake").status_code == 403
    assert intake_pause(support.pk) is not None


def test_only_staff_pause_the_platform(support: Workspace, alice: User) -> None:
    client = browser(alice, support)
    assert client.post("/api/v1/platform/pause-intake").status_code == 403
    assert platform_pause() is None
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    assert client.post("/api/v1/platform/pause-intake").json()["intake_paused_at"] is not None
    assert client.post("/api/v1/platform/resume-intake").json() == {"intake_paused_at": None}


def test_a_staff_members_key_does_not_pause_the_platform(support: Workspace, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    key = key_of(Membership.objects.get(user=alice))
    assert bearer(key.text).post("/api/v1/platform/pause-intake").status_code == 403
    assert platform_pause() is None
