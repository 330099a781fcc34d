"""Programs that act in a workspace."""

from django.db import transaction

from apps.accounts.models import Membership, ServiceAccount, Workspace
from apps.accounts.permissions import Role
from apps.accounts.principals import Principal
from apps.accounts.services.ranks import refuse_above


@transaction.atomic
def create_service_account(
    workspace: Workspace, *, name: str, role: Role, by: Principal | None = None
) -> ServiceAccount:
    """A service account with its role. Raises RoleTooHigh, or ValidationError when the name is taken."""
    refuse_above(by, role)
    account = ServiceAccount(workspace=workspace, name=name)
    account.full_clean()
    account.save()
    Membership.objects.create(workspace=workspace, service_account=account, role=role)
    return account
