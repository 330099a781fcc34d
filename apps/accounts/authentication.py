"""Credentials of requests: an API key names its workspace, a browser session names it with `CEF-Workspace`."""

import hmac
from typing import Final

from django.db.models.functions import Now
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from apps.accounts import keys
from apps.accounts.exceptions import InvalidKey, WorkspaceMismatch
from apps.accounts.models import ApiKey, User
from apps.accounts.principals import Principal
from apps.accounts.selectors import KeyGrant, key_grant, user_principal
from apps.core.exceptions import PermissionDenied

WORKSPACE_HEADER: Final = "CEF-Workspace"
_NO_DIGEST: Final = bytes(32)


def authenticate_key(text: str) -> KeyGrant:
    """What the API key grants now. One query, and one more a minute that records its use.

    Raises InvalidKey; only the holder of the whole key is told that it is expired or revoked.
    """
    token = keys.parse(text)
    if token is None:
        raise InvalidKey("The API key is mistyped or cut.")
    grant = key_grant(token.id)
    # An unknown id costs the same comparison, so that time does not tell which ids exist.
    given = keys.digest(token, grant.pepper_kid if grant else keys.active_pepper_kid())
    matches = hmac.compare_digest(given, grant.digest if grant else _NO_DIGEST)
    if grant is None or not matches or not grant.is_owner_active:
        raise InvalidKey
    _refuse_ended(grant)
    if not grant.use_is_recorded:
        ApiKey.objects.filter(pk=token.id).update(last_used_at=Now())
    return grant


def _refuse_ended(grant: KeyGrant) -> None:
    if grant.is_revoked:
        raise InvalidKey("The API key was revoked.", code="api_key_revoked")
    if grant.is_expired:
        raise InvalidKey("The API key has expired.", code="api_key_expired")


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer cef_…`. Any other bearer token is refused, not overlooked in favour of a cookie."""

    def authenticate(self, request: Request) -> tuple[Principal, Principal] | None:
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        grant = authenticate_key(credential.strip())
        named = request.headers.get(WORKSPACE_HEADER)
        if named is not None and named not in (grant.workspace_slug, str(grant.principal.workspace_id)):
            raise WorkspaceMismatch
        return grant.principal, grant.principal

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class BrowserSessionAuthentication(SessionAuthentication):
    """Django's session with its CSRF check; `request.auth` is a Principal once the request names a workspace."""

    def authenticate(self, request: Request) -> tuple[User, Principal | None] | None:
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        named = request.headers.get(WORKSPACE_HEADER)
        return user, user_principal(user, named) if named else None

    def enforce_csrf(self, request: Request) -> None:
        check = _CsrfCheck(lambda _: None)  # type: ignore[arg-type]
        check.process_request(request._request)
        reason = check.process_view(request._request, None, (), {})  # type: ignore[arg-type]
        if reason:
            raise PermissionDenied(f"The CSRF check failed: {reason}", code="csrf_failed")


class _CsrfCheck(CsrfViewMiddleware):
    """Returns the reason of a failure instead of an HTML page."""

    def _reject(self, request: object, reason: str) -> str:
        return reason
