"""A body of unknown length reaches Django with its length, and never whole when it is too long."""

import io
from collections.abc import Callable, Iterable
from typing import Any

from pytest_django.fixtures import Settings

from apps.core.chunked import with_chunked_bodies


def seen_by_django(environ: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def application(given: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.update(given)
        return []

    with_chunked_bodies(application)(environ, lambda *_: None)
    return seen


def test_a_chunked_body_gets_its_length() -> None:
    seen = seen_by_django({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b'{"a": 1}')})
    assert seen["CONTENT_LENGTH"] == "8"
    assert seen["wsgi.input"].read() == b'{"a": 1}'


def test_an_endless_body_is_read_to_one_byte_over_the_limit(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    stream = io.BytesIO(b"x" * 1_000)
    seen = seen_by_django({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stream})
    assert (seen["CONTENT_LENGTH"], stream.tell()) == ("11", 11)


def test_a_body_with_a_length_is_left_alone() -> None:
    stream = io.BytesIO(b"x")
    environ = {"CONTENT_LENGTH": "1", "wsgi.input": stream}
    assert seen_by_django(environ)["wsgi.input"] is stream
    assert stream.tell() == 0
