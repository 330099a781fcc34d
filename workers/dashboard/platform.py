"""The platform's side of a sign-in, as the dashboard sees it: where to send the browser, and what to ask."""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.web import HTTPError

from apps.accounts.oauth.client import CLIENT_ID, SCOPE
from workers.dashboard.config import DashboardConfig
from workers.dashboard.session import Attempt

TIMEOUT_S: Final = 10.0


@dataclass(frozen=True)
class Visitor:
    """Whom the platform has signed in, and whether the dashboard is for them."""

    subject: str
    email: str
    allowed: bool


@dataclass(frozen=True)
class Platform:
    """An OAuth 2.0 client for the one authorization server that there is."""

    config: DashboardConfig

    @property
    def issuer(self) -> str:
        """The authorization server's name, which every answer repeats (RFC 9207)."""
        return f"{self.config.public_url}/o"

    def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in."""
        query = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": self._redirect_uri,
            "scope": SCOPE,
            "state": attempt.state,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.issuer}/authorize/?{urlencode(query)}"

    async def visitor(self, code: str, attempt: Attempt) -> Visitor:
        """Exchange the code and ask whose it was. Raises HTTPError 403 for a bad code, 503 without an answer."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": attempt.verifier,
        }
        token = await self._ask("/o/token/", form, Authorization=self._credentials)
        answer = await self._ask("/o/dashboard-user/", Authorization=f"Bearer {token['access_token']}")
        return Visitor(subject=answer["sub"], email=answer["email"], allowed=answer["allowed"] is True)

    @property
    def _redirect_uri(self) -> str:
        return f"{self.config.url}/login"

    @property
    def _credentials(self) -> str:
        pair = f"{CLIENT_ID}:{quote(self.config.client_secret, safe='')}"
        return f"Basic {b64encode(pair.encode()).decode()}"

    async def _ask(self, path: str, form: dict[str, str] | None = None, **headers: str) -> dict[str, Any]:
        request = HTTPRequest(
            self.config.platform_url + path,
            method="GET" if form is None else "POST",
            body=None if form is None else urlencode(form),
            headers=self._as_browsers_come() | headers,
            request_timeout=TIMEOUT_S,
            follow_redirects=False,
        )
        try:
            response = await AsyncHTTPClient().fetch(request)
        except HTTPClientError as error:
            raise _refusal(error) from error
        except OSError as error:
            raise HTTPError(503, "The platform does not answer.") from error
        answer: dict[str, Any] = json.loads(response.body)
        return answer

    def _as_browsers_come(self) -> dict[str, str]:
        """Inside a cluster the platform is asked directly, past the proxy that would have named its public address."""
        if self.config.platform_url == self.config.public_url:
            return {}
        public = urlsplit(self.config.public_url)
        return {"Host": public.netloc, "X-Forwarded-Proto": public.scheme}


def _refusal(error: HTTPClientError) -> HTTPError:
    if error.code in {400, 401, 403}:
        return HTTPError(403, "The sign-in was not accepted. Please try again.")
    return HTTPError(503, f"The platform does not answer ({error.code}).")
