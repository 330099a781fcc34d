"""What a workspace has spent in this month, and what it may spend."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils.timezone import now

from apps.core.ids import first_id
from apps.runs.models import Account, Budget, Run

Usage = tuple[int, Decimal]
"""Tokens in and out together, and USD."""


def month_begin() -> datetime:
    """The first moment of the month, UTC."""
    return now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_account(workspace_id: UUID) -> QuerySet[Account]:
    """This month's account of the workspace, or none."""
    return Account.objects.filter(subject_id=workspace_id, month=month_begin().date())


def month_usage(workspace_id: UUID) -> Usage:
    """What the workspace's runs that began in this month have spent; walks their rows."""
    runs = Run.objects.filter(workspace_id=workspace_id, id__gte=first_id(month_begin()))
    sums = runs.aggregate(tokens_in=Sum("input_tokens"), tokens_out=Sum("output_tokens"), usd=Sum("cost_usd"))
    return (sums["tokens_in"] or 0) + (sums["tokens_out"] or 0), sums["usd"] or Decimal(0)


def budget_json(workspace_id: UUID) -> dict[str, Any]:
    """The public form: limits (null is none), and what is spent and reserved in this month."""
    budget = Budget.objects.filter(workspace_id=workspace_id).first()
    account = month_account(workspace_id).first() if budget else None
    tokens, usd = (account.tokens_spent, account.usd_spent) if account else month_usage(workspace_id)
    return {
        "month": month_begin().date(),
        "token_limit": budget.token_limit if budget else None,
        "usd_limit": None if budget is None or budget.usd_limit is None else _usd(budget.usd_limit),
        "tokens_spent": tokens,
        "usd_spent": _usd(usd),
        "tokens_reserved": account.tokens_reserved if account else 0,
        "usd_reserved": _usd(account.usd_reserved if account else Decimal(0)),
    }


def _usd(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
