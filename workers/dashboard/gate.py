"""What answers a request that has no right to anything else."""

import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from flower.views import BaseHandler
from tornado.httputil import HTTPServerRequest

from workers.dashboard.config import DashboardConfig
from workers.dashboard.session import COOKIE, is_signed_in

OPEN: Final = ("/login", "/login/", "/logout")
FILES: Final = "/static/"
MACHINES: Final = ("/metrics", "/healthcheck")


@dataclass(frozen=True)
class Gate:
    """Decides before Flower sees the request, so that no handler of Flower's, present or future, can forget to."""

    config: DashboardConfig

    def admits(self, request: HTTPServerRequest) -> bool:
        """Sign-in and style sheets are for everybody, metrics also for the token, the rest for who is signed in.

        A page wants a session with half its life left, so that what the page fetches afterwards does not expire on it.
        """
        path = request.path.removeprefix(self.config.prefix)
        if path in OPEN or path.startswith(FILES):
            return True
        if path in MACHINES and self._has_token(request):
            return True
        life = self.config.session_seconds
        return self._is_signed_in(request, max_age_s=life / 2 if wants_page(request) else life)

    def _has_token(self, request: HTTPServerRequest) -> bool:
        if not self.config.metrics_token:
            return False
        wanted = f"Bearer {self.config.metrics_token}"
        return hmac.compare_digest(wanted.encode(), request.headers.get("Authorization", "").encode())

    def _is_signed_in(self, request: HTTPServerRequest, *, max_age_s: float) -> bool:
        cookie = request.cookies.get(COOKIE)
        return cookie is not None and is_signed_in(self.config.cookie_secret, cookie.value, max_age_s=max_age_s)


def wants_page(request: HTTPServerRequest) -> bool:
    """Whether a browser is going to a page, as opposed to a script or a program asking for data."""
    return request.method == "GET" and "text/html" in request.headers.get("Accept", "")


class RefusalHandler(BaseHandler):  # type: ignore[misc]  # the library has no types
    """Sends a browser to sign in, and tells everything else that it must."""

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here that could be forged."""

    def prepare(self) -> None:
        if wants_page(self.request):
            self.redirect(f"{self.get_login_url()}?{urlencode({'next': self.request.uri})}")
            return
        self.set_status(401)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("Sign in to the workers' dashboard first.\n")
