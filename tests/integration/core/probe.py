"""A small API over service accounts that does on demand what the base views must cope with."""

from typing import Any

from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import include, path
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.models import ServiceAccount
from apps.accounts.permissions import Permission
from apps.core.serializers import StrictSerializer


class AccountSerializer(serializers.ModelSerializer[ServiceAccount]):
    class Meta:
        model = ServiceAccount
        fields = ["id", "name"]


class Body(StrictSerializer):
    name = serializers.CharField(max_length=50)


class ProbeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceViewSet):
    """Creating writes one row, and fails after the write when the name says so."""

    permissions = {
        "list": Permission.AGENTS_READ,
        "retrieve": Permission.AGENTS_READ,
        "create": Permission.AGENTS_WRITE,
        "redirect": Permission.AGENTS_WRITE,
        "echo": Permission.AGENTS_WRITE,
        "database": Permission.AGENTS_READ,
        "broken": Permission.AGENTS_READ,
    }
    serializer_class = AccountSerializer
    queryset = ServiceAccount.objects.all()

    def create(self, request: Request) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        name = body.validated_data["name"]
        account = ServiceAccount.objects.create(workspace_id=self.principal.workspace_id, name=name)
        if name == "refuse":
            return Response({"code": "refused"}, status=409)
        if name == "slow":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.5)")
        return Response({"id": str(account.pk)}, status=201, headers={"Location": f"/probe/{account.pk}"})

    @action(detail=False, methods=["post"])
    def redirect(self, request: Request) -> HttpResponse:
        self.create(request)
        return HttpResponse(status=303, headers={"Location": "http://live/runs/1"})

    @action(detail=False, methods=["post"])
    def echo(self, request: Request) -> Response:
        return Response(request.data)

    @action(detail=False)
    def undeclared(self, request: Request) -> Response:
        raise AssertionError("never reached")

    @action(detail=False)
    def database(self, request: Request) -> Response:
        raise OperationalError("the server closed the connection unexpectedly")

    @action(detail=False)
    def broken(self, request: Request) -> Response:
        raise KeyError("an internal detail")


class RowsViewSet(ProbeViewSet):
    """The same list as dicts, ordered by name and then id."""

    ordering = ("name", "-id")

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().values("id", "name", "created_at")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.get_paginated_response(self.paginate_queryset(self.filter_queryset(self.get_queryset())))


router = SimpleRouter(trailing_slash=False)
router.register("probe", ProbeViewSet, basename="probe")
router.register("rows", RowsViewSet, basename="rows")

urlpatterns = [path("api/v1/", include(router.urls)), path("", include("config.urls"))]

handler400 = "apps.core.problems.bad_request"
handler403 = "apps.core.problems.permission_denied"
handler404 = "apps.core.problems.page_not_found"
handler500 = "apps.core.problems.server_error"
