"""People in a workspace: who they are and what role they have."""

from django.contrib.auth.hashers import make_password
from django.db import transaction

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role
from apps.accounts.principals import Principal
from apps.accounts.services.ranks import keep_an_owner, refuse_above
from apps.core.exceptions import Conflict


@transaction.atomic
def add_member(workspace: Workspace, *, email: str, role: Role, by: Principal | None = None) -> Membership:
    """The person with this e-mail as a member; whoever has no account yet gets one without a password.

    Raises RoleTooHigh, or Conflict (`already_member`).
    """
    refuse_above(by, role)
    user, _ = User.objects.get_or_create(email=email.strip().lower(), defaults={"password": make_password(None)})
    membership, created = Membership.objects.get_or_create(workspace=workspace, user=user, defaults={"role": role})
    if not created:
        raise Conflict("This person is a member already.", code="already_member")
    return membership


@transaction.atomic
def change_role(membership: Membership, *, role: Role, by: Principal | None = None) -> Membership:
    """Give the member another role; keys of theirs follow it. Raises RoleTooHigh or LastOwner.

    Locks the membership, so that the role judged is the role replaced.
    """
    membership = Membership.objects.select_for_update().get(pk=membership.pk)
    refuse_above(by, membership.role, role)
    if role != Role.OWNER:
        keep_an_owner(membership.workspace_id, without=membership)
    membership.role = role
    membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def remove_member(membership: Membership, *, by: Principal | None = None) -> None:
    """End the membership, and with it every API key of it. Raises RoleTooHigh or LastOwner."""
    membership = Membership.objects.select_for_update().get(pk=membership.pk)
    refuse_above(by, membership.role)
    keep_an_owner(membership.workspace_id, without=membership)
    membership.delete()
    if membership.service_account is not None:
        membership.service_account.delete()
