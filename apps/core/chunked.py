"""Bodies without a Content-Length (chunked transfer), which Django under WSGI would take for empty."""

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_chunked_bodies(application: WSGIApplication) -> WSGIApplication:
    """The application, given such a body with its length known.

    Reads one byte more than DATA_UPLOAD_MAX_MEMORY_SIZE at most, which is enough for the parser to refuse the body.
    """

    def measured(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_TRANSFER_ENCODING" in environ and not environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            environ = {**environ, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        return application(environ, start_response)

    return measured
