"""A small client of the REST API: keys, pages, retries that are safe, and errors in words."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from cli.errors import ApiError, Unreachable
from cli.target import Target

API: Final = "/api/v1"
_TRIES: Final = 3
_LONGEST_PAUSE_S: Final = 5.0
_TRANSIENT: Final = frozenset({429, 502, 503, 504})
_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
_PAGE: Final = 100


class Client:
    """Talks to one server; close it, or use it as a context manager.

    Every POST carries an Idempotency-Key, so that a try whose answer was lost can be repeated without a second effect.
    """

    def __init__(self, target: Target, transport: httpx.BaseTransport | None = None) -> None:
        self.target = target
        headers = {"Authorization": f"Bearer {target.api_key}", "User-Agent": f"cef/{cli_version()}"}
        self.http = httpx.Client(base_url=target.url, headers=headers, timeout=_TIMEOUT, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.http.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON. Raises ApiError and Unreachable."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        return _json(self.send("GET", API + path, params=given))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON. Raises ApiError and Unreachable."""
        return _json(self._post(path, body or {}))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a PUT, which may be sent again."""
        return _json(self.send("PUT", API + path, json=body))

    def delete(self, path: str) -> None:
        """Deletes; an answer without a body."""
        self.send("DELETE", API + path)

    def rows(self, path: str, params: Mapping[str, Any], count: int | None) -> Iterator[dict[str, Any]]:
        """The rows of a list, at most `count`, fetched page by page as they are consumed."""
        cursor = None
        while count is None or count > 0:
            size = _PAGE if count is None else min(_PAGE, count)
            page = self.get(path, {**params, "limit": size, "cursor": cursor})
            yield from page["data"]
            cursor = page["next_cursor"]
            count = None if count is None else count - len(page["data"])
            if not page["has_more"]:
                return

    def submit(self, body: Mapping[str, Any], *, streaming: bool) -> dict[str, Any]:
        """A new run. With `streaming` its tokens can be heard on `live` while the model speaks."""
        answer = self._post("/runs", {**body, "mode": "stream"} if streaming else body)
        if answer.status_code != httpx.codes.SEE_OTHER:
            return dict(_json(answer))
        run_id = urlsplit(answer.headers["Location"]).path.split("/")[-2]
        return dict(self.get(f"/runs/{run_id}"))

    def send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """The first answer that is none of trouble in passing, or the last. Raises ApiError and Unreachable."""
        for remaining in reversed(range(_TRIES)):
            try:
                response = self.http.request(method, path, **arguments)
            except (httpx.ReadError, httpx.RemoteProtocolError) as error:
                if not remaining:
                    raise _unreachable(self.target, error) from error
                pause = 0.5
            except httpx.TransportError as error:
                raise _unreachable(self.target, error) from error
            else:
                pause = _pause(response)
                if not remaining or pause > _LONGEST_PAUSE_S:
                    break
                if response.status_code not in _TRANSIENT:
                    break
            time.sleep(pause)
        if response.is_error:
            raise ApiError(response.status_code, _problem(response))
        return response

    def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
        return self.send("POST", API + path, content=json_bytes(body), headers=headers)


def cli_version() -> str:
    """The installed distribution's version; a checkout has none."""
    try:
        return version("context-engineering-framework")
    except PackageNotFoundError:
        return "checkout"


def json_bytes(value: Any) -> bytes:
    """JSON in UTF-8; a lone surrogate, which UTF-8 cannot say, makes all of it ASCII with escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _pause(response: httpx.Response) -> float:
    """Seconds until another try is welcome."""
    try:
        return float(response.headers.get("Retry-After", "0.5"))
    except ValueError:
        return _LONGEST_PAUSE_S


def _json(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        raise ApiError(response.status_code, {"detail": _NO_JSON.format(url=response.url)}) from None


_NO_JSON: Final = "The answer from {url} is not JSON; is this the address of a CEF server?"


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    return problem if isinstance(problem, dict) else {"detail": f"{response.status_code} {response.reason_phrase}"}


def _unreachable(target: Target, error: httpx.TransportError) -> Unreachable:
    return Unreachable(f"{target.url} does not answer: {error or type(error).__name__}.", hint="Try `cef doctor`.")
