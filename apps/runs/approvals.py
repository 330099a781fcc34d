"""Whose approvals count: those of people who may still decide when the count is made."""

from functools import reduce
from operator import or_
from typing import Final

from django.db.models import (
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from apps.accounts.models import Membership
from apps.accounts.permissions import Permission, Role, roles_with
from apps.runs.models import Decision, Wait
from apps.runs.states import Verdict

_DECIDERS: Final = sorted(roles_with(Permission.WAITS_DECIDE))


def deciders() -> QuerySet[Membership]:
    """Memberships that may decide at all; not those of people whose account was closed."""
    active = Q(user__isnull=True) | Q(user__is_active=True)
    return Membership.objects.filter(active, role__in=_DECIDERS)


def counted(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    """Those of the decisions that approve what is to be decided on now, by members who may still do that.

    Who has left the workspace since, or has a lower role than the wait asks for by now, has no say any more; nor has a
    service account, unless the wait counts them.
    """
    members = deciders().filter(workspace_id=OuterRef("wait__workspace_id"))
    standing = members.annotate(asked=ExpressionWrapper(OuterRef("wait__role"), CharField())).filter(_high_enough())
    person = Exists(standing.filter(user_id=OuterRef("decided_by_id")))
    program = Exists(standing.filter(service_account_id=OuterRef("decided_by_id")))
    approved = decisions.filter(verdict=Verdict.APPROVE, digest=F("wait__digest"))
    return approved.filter(
        Q(person, decided_by_kind="user") | Q(program, decided_by_kind="service_account", wait__services=True)
    )


def approvals_of(wait: Wait) -> int:
    """How many count; one query."""
    return counted(Decision.objects.filter(wait=wait)).count()


def approvals() -> Coalesce:
    """The same for every row of a query for waits."""
    of_wait = counted(Decision.objects.filter(wait=OuterRef("pk"))).order_by().values("wait")
    return Coalesce(Subquery(of_wait.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)


def _high_enough() -> Q:
    """That the member's role is at least the wait's, which may ask for none."""
    fits = (Q(role=role, asked__in=["", *(low for low in Role if not low.outranks(role))]) for role in Role)
    return reduce(or_, fits)
