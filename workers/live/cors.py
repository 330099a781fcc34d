"""Which pages of other origins may read `live`: those of `web`, with the visitor's cookies, and no others."""

from collections.abc import Iterable
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

PREFLIGHT: Final = (
    ("Access-Control-Allow-Methods", "GET, OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization, CEF-Workspace, Last-Event-ID, Request-Id"),
    ("Access-Control-Max-Age", "600"),
)


def cors_headers(request_headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """What an answer says about cross-origin reading."""
    vary = ("Vary", "Origin")
    if (b"origin", web_origin().encode()) not in request_headers:
        return [vary]
    return [
        vary,
        ("Access-Control-Allow-Origin", web_origin()),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "Request-Id"),
    ]


@cache
def web_origin() -> str:
    """Scheme, host and port of `web`, as browsers send it."""
    url = urlsplit(settings.CEF_PUBLIC_URL)
    return f"{url.scheme}://{url.netloc}".lower()
