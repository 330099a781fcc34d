"""Intake: whether new runs are taken, for the platform and for each workspace. Running work goes on in any case."""

from django.db.models.functions import Coalesce, Now

from apps.accounts.models import PlatformState, Workspace


def pause_intake(workspace: Workspace | None = None) -> None:
    """Refuse new runs of the workspace, or of the whole platform, from now on; a pause that holds keeps its start."""
    if workspace is None:
        PlatformState.objects.get_or_create(pk=1)
        PlatformState.objects.update(intake_paused_at=Coalesce("intake_paused_at", Now()))
    else:
        paused_at = Coalesce("intake_paused_at", Now())
        Workspace.objects.filter(pk=workspace.pk).update(intake_paused_at=paused_at)


def resume_intake(workspace: Workspace | None = None) -> None:
    """Take new runs of the workspace, or of the platform, again."""
    rows = PlatformState.objects.all() if workspace is None else Workspace.objects.filter(pk=workspace.pk)
    rows.update(intake_paused_at=None)
