"""Bodies that are no clean JSON are refused with a code, quickly, and nothing is written."""

import json
import time

import pytest
from django.conf import settings

from apps.runs.models import Run
from tests.integration.api.problems import problem
from tests.integration.runs.world import make_agent

URL = "/api/v1/runs"


@pytest.fixture(autouse=True)
def _agent(support) -> None:
    make_agent(support)


def post(client, body: bytes, content_type: str = "application/json", **headers: str):
    return client.generic("POST", URL, body, content_type=content_type, headers=headers)


def test_it_works(client):
    assert post(client, b'{"agent": "docs", "input": "x"}').status_code == 202
    assert post(client, b' \n{"agent":"docs","input":"x"}\n ', "application/json; charset=utf-8").status_code == 202


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"agent=docs&input=x", "malformed_json"),
        (b"{'agent': 'docs'}", "malformed_json"),
        (b'{"agent": "docs", "input": "x"} {}', "malformed_json"),
        (b'{"agent": "docs", "input": "x",}', "malformed_json"),
        (b'\xef\xbb\xbf{"agent": "docs", "input": "x"}', "malformed_json"),
        (b'{"agent": "docs", "input": "\xff\xfe"}', "malformed_json"),
        (b'{"agent": "docs", "input": "\xed\xa0\x80"}', "malformed_json"),
        (b'{"agent": "docs", "input": "a\x00b"}', "malformed_json"),
        (b'{"agent": "docs", "input": "a\nb"}', "malformed_json"),
        (b'{"agent": "docs", "input": NaN}', "malformed_json"),
        (b'{"agent": "docs", "input": -Infinity}', "malformed_json"),
        (b'{"agent": "docs", "input": 1e999}', "number_out_of_range"),
        (b'{"agent": "docs", "input": ' + b"9" * 5000 + b"}", "number_out_of_range"),
        (b'{"agent": "docs", "input": 9223372036854775808}', "number_out_of_range"),
        (b'{"agent": "docs", "agent": "other", "input": "x"}', "duplicate_key"),
        (b'{"agent": "docs", "input": {"a": 1, "a": 2}}', "duplicate_key"),
        (b'{"agent": "docs", "input": "a\\u0000b"}', "invalid_text"),
        (b'{"agent": "docs", "input": "\\ud800"}', "invalid_text"),
        (b'{"agent": "docs", "input": {"\\udfff": 1}}', "invalid_text"),
        (b'{"agent": "docs\\u0000", "input": "x"}', "invalid_text"),
        (b"[" * 100_000 + b"]" * 100_000, "json_too_deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "json_too_deep"),
        (b'{"agent": "docs", "input": ' + b"[" * 101 + b"]" * 101 + b"}", "json_too_deep"),
        (b"[" * 100_000, "json_too_deep"),
        (b"\x1f\x8b\x08\x00", "malformed_json"),
        (json.dumps({"agent": "docs", "input": "x"}).encode("utf-16"), "malformed_json"),
    ],
)
def test_what_is_no_clean_json(client, body, code):
    began = time.monotonic()
    refused = post(client, body)
    if body == b"":
        assert refused.status_code in {400, 422}
    else:
        problem(refused, 400, code)
    assert time.monotonic() - began < 2
    assert Run.objects.count() == 0


def test_a_faults_place_is_told(client):
    body = problem(post(client, b'{"agent": "docs", "input": {"a": ["\\u0000"]}}'), 400, "invalid_text")
    assert [fault["pointer"] for fault in body["errors"]] == ["/input/a/0"]


@pytest.mark.parametrize("size", [10 * 1024 * 1024, settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1])
def test_a_body_that_is_too_large(client, size):
    body = b'{"agent": "docs", "input": "'
    body += b"x" * (size - len(body) - 2) + b'"}'
    refused = problem(post(client, body), 413, "payload_too_large")
    assert refused["limit_bytes"] == settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert Run.objects.count() == 0


def test_the_largest_body_is_taken(client):
    body = b'{"agent": "docs", "input": "'
    body += b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE - len(body) - 2) + b'"}'
    assert post(client, body).status_code == 202


def test_a_million_keys(client):
    body = json.dumps({"agent": "docs", "input": {str(n): n for n in range(400_000)}}).encode()
    assert post(client, body).status_code == 202


def test_depth_that_is_still_fine(client):
    body = b'{"agent": "docs", "input": ' + b"[" * 99 + b"]" * 99 + b"}"
    answer = post(client, body)
    assert answer.status_code == 202
    assert client.get(f"{URL}/{answer.json()['id']}").status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/octet-stream",
        "application/json-patch+json",
        "x",
        "a" * 5000,
        "application/\xff",
    ],
)
def test_another_media_type(client, content_type):
    answer = post(client, b'{"agent": "docs", "input": "x"}', content_type)
    problem(answer, 415, "unsupported_media_type")
    assert Run.objects.count() == 0


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip"])
def test_a_compressed_body(client, encoding):
    """Nothing is unpacked, so nothing can be a bomb."""
    answer = post(client, b"\x1f\x8b\x08\x00\x00", **{"Content-Encoding": encoding})
    assert answer.status_code in {400, 415}


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 202),
        ("application/json", 202),
        ("application/*", 202),
        ("application/json;q=0", 202),
        ("text/html", 406),
        ("application/xml", 406),
        ("text/event-stream", 406),
        ("image/png, */*;q=0.1", 202),
        ("x", 406),
        ("/", 406),
        (",,,", 406),
        (";", 406),
        ("a" * 10_000, 406),
        ("text/html;level=\xff", 406),
        ("application/json; version=99", None),
        ("*/*; q=banana", None),
    ],
)
def test_what_the_caller_accepts(client, accept, status):
    answer = post(client, b'{"agent": "docs", "input": "x"}', Accept=accept)
    assert answer.status_code in ({202, 406} if status is None else {status})
    assert answer.headers["Content-Type"] in {"application/json", "application/problem+json"}
    assert Run.objects.count() == (1 if answer.status_code == 202 else 0)


def test_an_answer_that_nobody_accepts_is_a_problem_all_the_same(client):
    body = problem(client.get(URL, headers={"Accept": "application/xml"}), 406, "not_acceptable")
    assert body["instance"] == URL


@pytest.mark.parametrize("address", ["/api/v1/nothing", "/api/v2/runs", "/api/v1/runs/", "/api/v1//runs", "/api/"])
def test_an_address_that_is_none(client, address):
    problem(client.get(address), 404, "not_found")


def test_a_method_that_http_does_not_know(client):
    problem(client.generic("BREW", URL), 405, "method_not_allowed")
