"""REST over the workspace's monthly budget."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.core.serializers import StrictSerializer
from apps.runs.models import Budget
from apps.runs.services.budgets import remove_budget, set_budget
from apps.runs.spending import budget_json


@extend_schema_serializer(
    examples=[
        OpenApiExample("Tokens and money", value={"token_limit": 50_000_000, "usd_limit": "200.00"}, request_only=True)
    ]
)
class BudgetWriteSerializer(StrictSerializer):
    """Ceilings per calendar month, UTC; null is none, and one of them must be set."""

    token_limit = serializers.IntegerField(min_value=1, max_value=10**15, required=False, allow_null=True)
    usd_limit = serializers.DecimalField(
        max_digits=16, decimal_places=8, min_value=0, required=False, allow_null=True, coerce_to_string=False
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "In the third week",
            value={
                "month": "2026-11-01",
                "token_limit": 50_000_000,
                "usd_limit": "200.00",
                "tokens_spent": 31_402_118,
                "usd_spent": "96.41",
                "tokens_reserved": 48_000,
                "usd_reserved": "0.12",
            },
            response_only=True,
        )
    ]
)
class BudgetSerializer(serializers.Serializer[Any]):
    """What the workspace may spend in this month, what it has spent, and what calls under way have set aside."""

    month = serializers.DateField(help_text="Its first day.")
    token_limit = serializers.IntegerField(allow_null=True)
    usd_limit = serializers.CharField(allow_null=True)
    tokens_spent = serializers.IntegerField()
    usd_spent = serializers.CharField()
    tokens_reserved = serializers.IntegerField()
    usd_reserved = serializers.CharField()


class BudgetViewSet(WorkspaceViewSet):
    """The workspace's budget: there is one."""

    queryset = Budget.objects.all()
    serializer_class = BudgetSerializer
    pagination_class = None
    permissions: ClassVar = {
        "retrieve": Permission.RUNS_READ,
        "update": Permission.WORKSPACE_MANAGE,
        "destroy": Permission.WORKSPACE_MANAGE,
    }

    @extend_schema(operation_id="budget_retrieve", responses=BudgetSerializer)
    def retrieve(self, request: Request) -> Response:
        """Limits and this month's spending; also without a budget."""
        return Response(budget_json(self.principal.workspace_id))

    @extend_schema(operation_id="budget_update", request=BudgetWriteSerializer, responses=BudgetSerializer)
    def update(self, request: Request) -> Response:
        """Set the monthly ceilings. A model call that may cost more than is left fails its run with budget_exceeded."""
        body = BudgetWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        set_budget(self.principal.workspace_id, **body.validated_data)
        return Response(budget_json(self.principal.workspace_id))

    @extend_schema(operation_id="budget_delete", responses={204: None})
    def destroy(self, request: Request) -> Response:
        """Take the ceilings away."""
        remove_budget(self.principal.workspace_id)
        return Response(status=204)
