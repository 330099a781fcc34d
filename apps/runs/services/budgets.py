"""Setting what a workspace may spend in a month, and opening the account of a tree of runs."""

from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction

from apps.core.exceptions import Fault, InvalidInput
from apps.core.ids import new_id
from apps.runs.budget_statements import OPEN_MONTH
from apps.runs.family_statements import OPEN_ACCOUNT
from apps.runs.limits import Limits
from apps.runs.models import Account, Budget, Run
from apps.runs.spending import month_account, month_usage


def set_budget(workspace_id: UUID, *, token_limit: int | None = None, usd_limit: Decimal | None = None) -> Budget:
    """Limit the workspace's tokens or USD per calendar month (UTC), from the next model call of each run on.

    What its runs of this month have spent so far counts. Raises InvalidInput without a ceiling, and for one that is not
    positive.
    """
    _require_ceilings(token_limit, usd_limit)
    with transaction.atomic():
        limits = {"token_limit": token_limit, "usd_limit": usd_limit}
        budget, _ = Budget.objects.update_or_create(workspace_id=workspace_id, defaults=limits)
        if month_account(workspace_id).update(**limits) == 0:
            _open_month(workspace_id)
    return budget


def remove_budget(workspace_id: UUID) -> None:
    """No ceiling any more, from the next model call of each run on; does nothing when there was none."""
    with transaction.atomic():
        Budget.objects.filter(workspace_id=workspace_id).delete()
        month_account(workspace_id).delete()


@transaction.atomic
def descendants_accounts(parent: Run) -> list[UUID]:
    """The accounts that a child of this run spends from: its parent's, and the parent's own when that has ceilings.

    Locks the parent's row. The account begins with what the parent itself has spent.
    """
    parent = Run.objects.select_for_update(of=("self",)).get(id=parent.id)
    limits = Limits.of(parent.limits)
    if limits.tokens is None and limits.usd is None:
        return list(parent.account_ids)
    own, _ = Account.objects.get_or_create(
        subject_id=parent.id,
        month=None,
        defaults={
            "workspace_id": parent.workspace_id,
            "token_limit": limits.tokens,
            "usd_limit": _usd_of(limits),
            "tokens_spent": parent.input_tokens + parent.output_tokens,
            "usd_spent": parent.cost_usd,
        },
    )
    if own.id not in parent.account_ids:
        # The parent's own later calls spend from the same account as its children.
        parent.account_ids.append(own.id)
        parent.save(update_fields=["account_ids"])
    return list(parent.account_ids)


def limit_account(run: Run, limits: Limits) -> None:
    """Give the run and those that it has started together the ceilings of its limits; what all have spent counts.

    The run's row is locked by the caller.
    """
    ceilings = {"token_limit": limits.tokens, "usd_limit": _usd_of(limits)}
    there = Account.objects.filter(subject_id=run.id, month=None).update(**ceilings)
    if there or (limits.tokens is None and limits.usd is None):
        return
    row = {"id": new_id(), "workspace": run.workspace_id, "run": run.id}
    with connection.cursor() as cursor:
        cursor.execute(OPEN_ACCOUNT, row | {"tokens": limits.tokens, "usd": ceilings["usd_limit"]})


def _usd_of(limits: Limits) -> Decimal | None:
    return None if limits.usd is None else Decimal(str(limits.usd))


def _open_month(workspace_id: UUID) -> None:
    tokens, usd = month_usage(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(OPEN_MONTH, {"id": new_id(), "workspace": workspace_id})
    month_account(workspace_id).update(tokens_spent=tokens, usd_spent=usd)


def _require_ceilings(token_limit: int | None, usd_limit: Decimal | None) -> None:
    if token_limit is None and usd_limit is None:
        raise InvalidInput("A budget needs token_limit or usd_limit.")
    faults = [
        Fault(f"/{name}", "not_positive", "A ceiling is above zero.")
        for name, value in (("token_limit", token_limit), ("usd_limit", usd_limit))
        if value is not None and value <= 0
    ]
    if faults:
        raise InvalidInput("The budget is not valid.", errors=faults)
