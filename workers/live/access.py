"""Who may listen: the same credentials and permissions as on `web`, or a ticket that `web` signed."""

from collections.abc import Mapping
from typing import ClassVar, Final, cast
from uuid import UUID

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.request import HttpHeaders
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.accounts.api.permissions import HasDeclaredPermission
from apps.accounts.authentication import WORKSPACE_HEADER
from apps.accounts.permissions import Permission
from apps.accounts.principals import Principal
from apps.runs.tickets import redeem_ticket
from workers.live.orm import OrmThreads

_WORKSPACE: Final = "HTTP_" + WORKSPACE_HEADER.upper().replace("-", "_")


class _Listening:
    """What the permission check of `web` asks of a view."""

    action: ClassVar[str] = "events"
    permissions: ClassVar[Mapping[str, Permission]] = {"events": Permission.RUNS_READ}


async def readable_workspace(orm: OrmThreads, request: ASGIRequest, run_id: UUID) -> UUID:
    """The workspace in which the request may read runs; whether the run is there is for the caller to find out.

    Raises NotAuthenticated, PermissionDenied and WorkspaceRequired. A ticket says it all; a credential is looked up.
    """
    ticket = request.GET.get("ticket")
    if ticket is not None:
        return redeem_ticket(ticket, run_id)
    principal = await orm.call(reading_principal, request)
    return principal.workspace_id


def reading_principal(request: ASGIRequest) -> Principal:
    """Whoever the request's credential stands for, once `web`'s own classes have let them pass.

    A browser's EventSource cannot send headers, so a session may name its workspace as `?workspace=` too.
    Queries: call it in an ORM thread.
    """
    named = request.GET.get("workspace")
    if named is not None and WORKSPACE_HEADER not in request.headers:
        request.headers = HttpHeaders({**request.META, _WORKSPACE: named})
    SessionMiddleware(_unreachable).process_request(request)
    AuthenticationMiddleware(_unreachable).process_request(request)
    asking = Request(request, authenticators=APIView().get_authenticators())
    HasDeclaredPermission().has_permission(asking, _Listening())
    return cast(Principal, asking.auth)


def _unreachable(_request: HttpRequest) -> HttpResponse:
    raise AssertionError("Only the request's side of these middlewares is used.")
