"""Whatever goes wrong under /api/ is told as problem+json, and nothing inside is told."""

import io
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.accounts.models import ServiceAccount
from config.wsgi import application

pytestmark = pytest.mark.urls("tests.integration.core.probe")
PROBE = "/api/v1/probe"
ECHO = f"{PROBE}/echo"


def outcome(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer["Request-Id"]
    return answer.status_code, body["code"]


def send(client: APIClient, body: bytes) -> Any:
    return client.post(ECHO, body, content_type="application/json")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b"\xff", 400, "malformed_json"),
        (b'{"a": NaN}', 400, "malformed_json"),
        (b'{"a": 1, "a": 2}', 400, "duplicate_key"),
        (b'{"a": 99999999999999999999}', 400, "number_out_of_range"),
        (b'{"a": "x\\u0000"}', 400, "invalid_text"),
        (b'{"a": "\\ud800"}', 400, "invalid_text"),
        (b"[" * 100_000, 400, "json_too_deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "json_too_deep"),
        (b'"' + b"a" * 10_000_000 + b'"', 413, "payload_too_large"),
    ],
)
def test_a_bad_body(client: APIClient, body: bytes, status: int, code: str) -> None:
    assert outcome(send(client, body)) == (status, code)


def test_a_good_body_comes_through(client: APIClient) -> None:
    answer = send(client, '{"a": ["é😀", 1, null]}'.encode())
    assert (answer.status_code, answer.json()) == (200, {"a": ["é😀", 1, None]})


def test_the_place_of_bad_text_is_told(client: APIClient) -> None:
    assert send(client, b'{"a": [{"b": "\\u0000"}]}').json()["errors"][0]["pointer"] == "/a/0/b"


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"{}", b'{"name": null}', b'{"name": "a", "x": 1}'])
def test_a_body_of_the_wrong_shape(client: APIClient, body: bytes) -> None:
    answer = client.post(PROBE, body, content_type="application/json")
    assert outcome(answer) == (422, "invalid_input")
    assert answer.json()["errors"]
    assert not ServiceAccount.objects.exists()


def test_no_body_at_all(client: APIClient) -> None:
    assert outcome(client.post(PROBE)) == (422, "invalid_input")


def test_media_types_methods_and_addresses(client: APIClient) -> None:
    assert outcome(client.post(ECHO, b"a,b", content_type="text/csv")) == (415, "unsupported_media_type")
    assert outcome(client.get(PROBE, headers={"Accept": "text/html"})) == (406, "not_acceptable")
    put = client.put(PROBE, {}, format="json")
    assert (*outcome(put), put["Allow"]) == (405, "method_not_allowed", "GET, POST, HEAD")
    assert outcome(client.options(PROBE)) == (405, "method_not_allowed")
    assert outcome(client.get("/api/v1/no-such")) == (404, "not_found")
    assert outcome(client.get("/api/v9/runs")) == (404, "not_found")
    assert outcome(client.get(f"{PROBE}/")) == (404, "not_found")


def test_a_page_that_is_not_there_is_html_outside_the_api(db: None) -> None:
    answer = Client().get("/no-such-page")
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (404, "text/html")


@pytest.mark.parametrize("row", ["0199f0a2-1f7c-7b1e-9d55-3c1f6f1e2a10", "not-an-id", "é", "a" * 3_000])
def test_a_row_that_is_not_there(client: APIClient, row: str) -> None:
    assert outcome(client.get(f"{PROBE}/{row}")) == (404, "service_account_not_found")


@pytest.mark.parametrize("address", [f"{PROBE}/x%00y", f"{PROBE}?name=x%00y"])
def test_nul_in_an_address(client: APIClient, address: str) -> None:
    assert outcome(client.get(address)) == (400, "invalid_text")


def test_an_action_that_declares_nothing_is_refused(client: APIClient) -> None:
    assert outcome(client.get(f"{PROBE}/undeclared")) == (403, "permission_undeclared")


def test_a_database_in_trouble_asks_to_come_back(client: APIClient) -> None:
    answer = client.get(f"{PROBE}/database")
    assert (*outcome(answer), answer["Retry-After"]) == (503, "database_unavailable", "2")
    assert "unexpectedly" not in answer.content.decode()


def test_a_bug_is_a_500_without_its_detail(client: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get(f"{PROBE}/broken")
    assert outcome(answer) == (500, "internal_error")
    assert "internal detail" not in answer.content.decode()
    assert "an internal detail" in caplog.text


def test_a_host_we_do_not_serve(client: APIClient, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["cef.example.org"]
    answer = client.get(PROBE, headers={"Host": "evil.example.org"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_the_callers_request_id_is_kept_when_harmless(client: APIClient) -> None:
    assert client.get(PROBE, headers={"Request-Id": "job-7:1"})["Request-Id"] == "job-7:1"
    for odd in ("a b", "x" * 129, "<script>", ""):
        answered = client.get(PROBE, headers={"Request-Id": odd})["Request-Id"]
        assert answered != odd
        assert len(answered) == 36


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("size", "status"), [(1_000, 200), (10_000_000, 413)])
def test_a_chunked_body_is_read_and_limited(client: APIClient, size: int, status: int) -> None:
    body = io.BytesIO(b'"' + b"a" * (size - 2) + b'"')
    answered: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": ECHO,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": "application/json",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_AUTHORIZATION": client._credentials["HTTP_AUTHORIZATION"],
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
    }
    answer = b"".join(application(environ, lambda line, headers: answered.append(line)))
    assert int(answered[0].split()[0]) == status
    assert len(answer) == size if status == 200 else b"payload_too_large" in answer
