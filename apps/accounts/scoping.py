"""The one place where rows are narrowed to a workspace.

A model says how it reaches its workspace in `workspace_lookup` (default `workspace`, for instance `run__workspace`).
Where that relation may be null, rows without a workspace belong to the platform and every workspace may read them.
"""

from functools import cache
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model, Q, QuerySet

from apps.accounts.principals import Principal
from apps.core.exceptions import NotFound

M = TypeVar("M", bound=Model)


def visible(rows: QuerySet[M] | type[M], principal: Principal) -> QuerySet[M]:
    """The rows that the principal's workspace may see: its own, and the platform's where there are such."""
    queryset = _queryset(rows)
    lookup = _lookup(queryset.model)
    scope = Q(**{lookup: principal.workspace_id})
    if _has_platform_rows(queryset.model):
        scope |= Q(**{f"{lookup}__isnull": True})
    return queryset.filter(scope)


def owned(rows: QuerySet[M] | type[M], principal: Principal) -> QuerySet[M]:
    """The rows that the principal's workspace may change: its own and nothing else."""
    queryset = _queryset(rows)
    return queryset.filter(**{_lookup(queryset.model): principal.workspace_id})


def get_visible(rows: QuerySet[M] | type[M], principal: Principal, **lookup: Any) -> M:
    """The one visible row. Raises NotFound (`<model>_not_found`), also for a row of another workspace."""
    queryset = visible(rows, principal)
    try:
        return queryset.get(**lookup)
    except (ObjectDoesNotExist, ValidationError, ValueError):
        raise not_found(queryset.model) from None


def not_found(model: type[Model]) -> NotFound:
    """The error for a row that is absent, or not the asker's to know about."""
    name = str(model._meta.verbose_name)
    return NotFound(f"There is no such {name} in this workspace.", code=f"{name.replace(' ', '_').lower()}_not_found")


def _queryset(rows: QuerySet[M] | type[M]) -> QuerySet[M]:
    return rows if isinstance(rows, QuerySet) else rows._default_manager.all()


def _lookup(model: type[Model]) -> str:
    return getattr(model, "workspace_lookup", "workspace")


@cache
def _has_platform_rows(model: type[Model]) -> bool:
    field: Any = None
    owner: Any = model
    for part in _lookup(model).split("__"):
        field = owner._meta.get_field(part)
        owner = field.related_model
    return bool(field.null)
