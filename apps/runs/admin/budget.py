"""Monthly budgets, one for each workspace."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from apps.accounts.admin.base import WorkspaceAdmin
from apps.runs.models import Budget
from apps.runs.services.budgets import remove_budget, set_budget
from apps.runs.spending import budget_json


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only for the type checker
    """The ceilings; the workspace is chosen once."""

    class Meta:
        model = Budget
        fields = ["workspace", "token_limit", "usd_limit"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("token_limit") is None and values.get("usd_limit") is None:
            raise forms.ValidationError("Set a ceiling for tokens or for USD.", code="no_ceiling")
        return values


@admin.register(Budget)
class BudgetAdmin(WorkspaceAdmin):
    """What each workspace may spend in a month, beside what it has spent."""

    form = BudgetForm
    list_display = ["workspace", "tokens", "usd"]
    autocomplete_fields = ["workspace"]
    readonly_fields = ("id", "created_at", "tokens", "usd")
    fieldsets = (
        (None, {"fields": ["workspace", "token_limit", "usd_limit"]}),
        ("This month", {"fields": ["tokens", "usd"]}),
        ("Record", {"fields": ["id", "created_at"]}),
    )

    @admin.display(description="Tokens: spent, reserved, limit")
    def tokens(self, budget: Budget) -> str:
        return _sums(budget, "tokens", "token_limit")

    @admin.display(description="USD: spent, reserved, limit")
    def usd(self, budget: Budget) -> str:
        return _sums(budget, "usd", "usd_limit")

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        """Through the service, which opens this month's account."""
        saved = set_budget(obj.workspace_id, token_limit=obj.token_limit, usd_limit=obj.usd_limit)
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        remove_budget(obj.workspace_id)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for budget in queryset:
            remove_budget(budget.workspace_id)


def _sums(budget: Budget, name: str, limit: str) -> str:
    if budget._state.adding:
        return "—"
    found = budget_json(budget.workspace_id)
    shown = [found[f"{name}_spent"], found[f"{name}_reserved"], found[limit]]
    return " · ".join("no limit" if value is None else str(value) for value in shown)
