"""`/login`: sends the browser to the platform, and takes it back as somebody who may see the dashboard."""

from typing import TYPE_CHECKING, Final

from flower.views import BaseHandler
from tornado.auth import AuthError
from tornado.web import HTTPError

from workers.dashboard.platform import Platform
from workers.dashboard.session import COOKIE, Attempt, identity, local_path

if TYPE_CHECKING:
    from workers.dashboard.application import Dashboard

ATTEMPT: Final = "sign_in"
ATTEMPT_DAYS: Final = 600 / 86_400


class SignInHandler(BaseHandler):  # type: ignore[misc]  # the library has no types
    """The one way to get the cookie: the platform's word, asked for anew at each sign-in."""

    application: "Dashboard"

    async def get(self) -> None:
        """Without an answer of the platform in the address, ask for one."""
        if self.get_query_argument("code", None) or self.get_query_argument("error", None):
            await self._arrive()
        else:
            self._leave()

    def _leave(self) -> None:
        home = f"{self.application.config.prefix}/"
        attempt = Attempt(next=local_path(self.get_query_argument("next", None), home))
        self._set_cookie(ATTEMPT, attempt.dump(), ATTEMPT_DAYS)
        self.redirect(self._platform.authorization_url(attempt))

    async def _arrive(self) -> None:
        attempt = self._pending()
        self.clear_cookie(ATTEMPT)
        if refused := self.get_query_argument("error", None):
            raise HTTPError(403, f"The platform refused the sign-in: {refused}.")
        visitor = await self._platform.visitor(self.get_query_argument("code"), attempt)
        if not visitor.allowed:
            self.clear_cookie(COOKIE)
            raise HTTPError(403, f"{visitor.email} may not see the workers' dashboard. Ask for the role operator.")
        self._set_cookie(COOKIE, identity(visitor.subject), self.application.config.session_seconds / 86_400)
        self.redirect(attempt.next)

    def _pending(self) -> Attempt:
        """The attempt this answer belongs to. Raises AuthError for one that this browser did not start."""
        attempt = Attempt.load(self.get_secure_cookie(ATTEMPT, max_age_days=ATTEMPT_DAYS))
        if attempt is None or not attempt.answers(self.get_query_argument("state", None)):
            raise AuthError("This sign-in was not started here")
        if self.get_query_argument("iss", None) != self._platform.issuer:
            raise AuthError("The answer comes from another server")
        return attempt

    @property
    def _platform(self) -> Platform:
        return Platform(self.application.config)

    def _set_cookie(self, name: str, value: str, days: float) -> None:
        self.set_secure_cookie(name, value, expires_days=days, secure=self.application.config.secure)
