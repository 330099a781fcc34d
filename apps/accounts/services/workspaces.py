"""Workspaces."""

from django.db import transaction

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role


@transaction.atomic
def create_workspace(slug: str, *, name: str, owner: User) -> Workspace:
    """A workspace with its first owner."""
    workspace = Workspace(slug=slug, name=name)
    workspace.full_clean()
    workspace.save()
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    return workspace
