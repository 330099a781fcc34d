"""The base of every API view: who asks, what they may see, and one effect for however many tries."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.http import HttpResponseBase
from rest_framework import viewsets
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from apps.accounts.api.permissions import Access
from apps.accounts.exceptions import WorkspaceRequired
from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.accounts.principals import Principal
from apps.accounts.scoping import get_visible, owned, visible
from apps.core.exceptions import MalformedRequest
from apps.core.idempotency import Attempt, answer_once, fingerprint, read_key


class WorkspaceViewSet(viewsets.GenericViewSet[Any]):
    """A view set in one workspace.

    `permissions` names what each action needs. `get_queryset()` holds the workspace's own rows, and for reading the
    platform's too. `get_object()` answers 404 for foreign rows and for ids that are none. Every POST with an
    `Idempotency-Key` runs once, inside a transaction, unless the view sees to that itself (`answers_once`).
    """

    permissions: ClassVar[Mapping[str, Permission | Access]] = {}
    answers_once = True
    metadata_class = None
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    @property
    def principal(self) -> Principal:
        """Who asks. Raises WorkspaceRequired when a browser session named no workspace."""
        principal = self.request.auth
        if not isinstance(principal, Principal):
            raise WorkspaceRequired
        return principal

    @property
    def account(self) -> User | Principal:
        """Who signed in, whether or not a workspace is named."""
        return cast("User | Principal", self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        request.principal = request.auth  # type: ignore[attr-defined]
        _refuse_nul(request)
        key = read_key(request) if request.method == "POST" and self.answers_once else None
        if key is not None:
            self._answer_once(key)

    def get_queryset(self) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        scope = visible if self.request.method in SAFE_METHODS else owned
        return scope(queryset, self.principal)

    def get_object(self) -> Any:
        name = self.lookup_url_kwarg or self.lookup_field
        return get_visible(
            self.filter_queryset(self.get_queryset()), self.principal, **{self.lookup_field: self.kwargs[name]}
        )

    def _answer_once(self, key: str) -> None:
        """Put idempotency around the POST handler, which DRF looks up on this instance after `initial`."""
        handler: Callable[..., HttpResponseBase] = getattr(self, "post", self.http_method_not_allowed)

        def once(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            attempt = Attempt(self.principal.workspace_id, self.principal.id, key, fingerprint(request))
            return answer_once(attempt, lambda: handler(request, *args, **kwargs))

        self.post = once


def _refuse_nul(request: Request) -> None:
    """NUL in an address would reach PostgreSQL, which refuses it in any text."""
    if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise MalformedRequest("NUL cannot be part of an address.", code="invalid_text")
