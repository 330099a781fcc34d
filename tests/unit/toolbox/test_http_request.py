"""`http_request` as an agent calls it: what it sends, what it may send again, and what it does not know."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from apps.tools.declaration import Effect, ToolCall
from apps.tools.exceptions import ToolFailed, ToolInputInvalid
from apps.tools.schemas import compile_validator, faults
from tests.unit.toolbox.origin import Answer, Origin, origin
from tests.unit.tools.calls import a_call, run_tool
from workers.toolbox.egress import AnswerLost, EgressPolicy, send
from workers.toolbox.http_get import http_get, policy
from workers.toolbox.http_request import http_request

JSON = {"Content-Type": "application/json"}
RECEIPT = Answer(b'{"receipt": 7}', headers=JSON)
BUSY = Answer(b"busy", status=503)

Reach = Callable[..., ToolCall]


@pytest.fixture
def reach(settings: Any) -> Iterator[Reach]:
    """A call that may reach a server on this machine, as an operator permits it."""

    def call(port: int, **config: Any) -> ToolCall:
        settings.CEF_EGRESS_PRIVATE_HOSTS = [f"127.0.0.1:{port}"]
        policy.cache_clear()
        return a_call(config={"hosts": ["127.0.0.1"], **config})

    yield call
    policy.cache_clear()


def post(server: Origin, call: ToolCall, method: str = "POST", **arguments: Any) -> Any:
    return run_tool(http_request, call, method=method, url=f"http://127.0.0.1:{server.port}/pay", **arguments)


def failed(server: Origin, call: ToolCall, **arguments: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        post(server, call, **arguments)
    return caught.value


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_it_works(reach: Reach, method: str) -> None:
    with origin({"/pay": RECEIPT}) as server:
        call = reach(server.port)
        told = post(server, call, method, body={"amount": 7, "to": "ünï"})
    assert told == {"status": 200, "body": {"receipt": 7}, "truncated": False}
    assert [(name, json.loads(body)) for name, body in server.bodies] == [(method, {"amount": 7, "to": "ünï"})]
    headers = server.seen[0][1]
    assert (headers["Idempotency-Key"], headers["Content-Type"]) == (call.idempotency_key, "application/json")
    assert not {"Cookie", "Authorization"} & headers.keys()


def test_no_body(reach: Reach) -> None:
    with origin({"/pay": Answer(status=204, headers={})}) as server:
        assert post(server, reach(server.port), "DELETE") == {"status": 204, "body": "", "truncated": False}
    assert server.bodies == [("DELETE", b"")]
    assert "Content-Type" not in server.seen[0][1]


def test_what_it_declares() -> None:
    assert (http_request.effect, http_request.effect_under({"hosts": ["a"]})) == (Effect.UNSAFE, Effect.UNSAFE)
    assert http_request.effect_under({"hosts": ["a"], "idempotent": True}) is Effect.IDEMPOTENT
    validator = compile_validator(http_request.config_schema)
    assert faults(validator, {"hosts": ["a.example"], "methods": ["POST"], "idempotent": True}) == ()
    for config in ({}, {"hosts": []}, {"hosts": ["a"], "methods": ["GET"]}, {"hosts": ["a"], "headers": {}}):
        assert faults(validator, config) != ()


@pytest.mark.parametrize("answer", [BUSY, Answer(b"no", status=500), Answer(b"wrong", status=422)])
def test_an_unsafe_request_is_sent_once_and_its_answer_is_told(reach: Reach, answer: Answer) -> None:
    with origin({"/pay": answer}) as server:
        told = post(server, reach(server.port))
    assert (told["status"], told["body"], len(server.seen)) == (answer.status, answer.body.decode(), 1)


def test_an_unsafe_request_without_an_answer_may_have_had_its_effect(reach: Reach) -> None:
    with origin({"/pay": [None]}) as server:
        error = failed(server, reach(server.port), body=1)
    assert (error.code, error.outcome_unknown, error.retryable, len(server.seen)) == ("answer_lost", True, False, 1)


def test_a_service_that_nobody_reaches_was_sent_nothing(reach: Reach) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        error = failed(Origin(port, {}, [], []), reach(port))
    assert (error.code, error.outcome_unknown, error.retryable) == ("fetch_failed", False, True)


def test_a_service_that_listens_and_never_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        impatient = EgressPolicy(private=frozenset({f"127.0.0.1:{port}"}), total_s=0.3)
        with pytest.raises(AnswerLost) as caught:
            asyncio.run(send(httpx.Request("POST", f"http://127.0.0.1:{port}/", content=b"1"), impatient))
    assert (caught.value.code, caught.value.outcome_unknown) == ("answer_lost", True)


def test_a_body_that_never_ends_is_cut_and_the_answer_is_told() -> None:
    """The service has said that it did it."""
    with socket.create_server(("127.0.0.1", 0)) as endless:
        port = endless.getsockname()[1]
        over = threading.Event()
        threading.Thread(target=drip, args=(endless, over), daemon=True).start()
        impatient = EgressPolicy(private=frozenset({f"127.0.0.1:{port}"}), total_s=0.3)
        try:
            told = asyncio.run(send(httpx.Request("POST", f"http://127.0.0.1:{port}/", content=b"1"), impatient))
        finally:
            over.set()
    assert (told.status, told.truncated, set(told.body)) == (201, True, {ord(".")})


def drip(server: socket.socket, over: threading.Event) -> None:
    """Answers at once, and then a byte at a time for ever."""
    link, _ = server.accept()
    with link, suppress(OSError):
        link.recv(65_536)
        link.sendall(b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n")
        while not over.wait(0.02):
            link.sendall(b".")


@pytest.mark.parametrize("url", ["http://[::1", "http://xn--a.com/", "no address"])
def test_of_what_is_no_address_it_is_known_that_nothing_was_sent(url: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        run_tool(http_request, a_call(config={"hosts": ["127.0.0.1"]}), method="POST", url=url)
    assert (caught.value.code, caught.value.outcome_unknown) == ("egress_denied", False)


def test_a_service_that_knows_repeats_is_asked_again_under_the_same_key(reach: Reach) -> None:
    with origin({"/pay": [BUSY, None, Answer(status=429, headers={"Retry-After": "0"}), RECEIPT]}) as server:
        told = post(server, reach(server.port, idempotent=True), body=1)
    assert (told["status"], told["body"], len(server.seen)) == (200, {"receipt": 7}, 4)
    assert len({headers["Idempotency-Key"] for _, headers in server.seen}) == 1


def test_it_is_asked_four_times_in_all(reach: Reach) -> None:
    with origin({"/pay": [BUSY] * 9}) as server:
        told = post(server, reach(server.port, idempotent=True))
    assert (told["status"], len(server.seen)) == (503, 4)
    with origin({"/pay": [None] * 9}) as server:
        error = failed(server, reach(server.port, idempotent=True))
    assert (error.outcome_unknown, len(server.seen)) == (True, 4)


def test_a_refusal_is_not_asked_again(reach: Reach) -> None:
    with origin({"/pay": Answer(b"no", status=403)}) as server:
        assert post(server, reach(server.port, idempotent=True))["status"] == 403
    assert len(server.seen) == 1


def test_redirects_are_not_followed(reach: Reach) -> None:
    moved = Answer(status=307, headers={"Location": "/else"})
    with origin({"/pay": moved, "/else": RECEIPT}) as server:
        assert post(server, reach(server.port))["status"] == 307
    assert server.paths == ["/pay"]


def test_methods_can_be_kept_back(reach: Reach) -> None:
    with origin({"/pay": RECEIPT}) as server:
        error = failed(server, reach(server.port, methods=["POST"]), method="DELETE")
    assert (error.code, server.seen) == ("egress_denied", [])


def test_hosts_are_named_by_the_binding(reach: Reach) -> None:
    with origin({"/pay": RECEIPT}) as server:
        reach(server.port)
        error = failed(server, a_call(config={"hosts": ["api.example.com"]}))
    assert (error.code, server.seen) == ("egress_denied", [])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://10.0.0.1/", "ftp://example.com/", "http://[", ""])
def test_the_inside_is_out_of_reach(url: str) -> None:
    policy.cache_clear()
    with pytest.raises(ToolFailed) as caught:
        run_tool(http_request, a_call(config={"hosts": ["127.0.0.1", "10.0.0.1"]}), method="POST", url=url)
    assert (caught.value.code, caught.value.outcome_unknown) == ("egress_denied", False)


@pytest.mark.parametrize("named", ["169.254.169.254", "192.0.0.192:80", "[fd00:ec2::254]"])
def test_metadata_services_stay_out_of_reach_also_when_named(settings: Any, named: str) -> None:
    settings.CEF_EGRESS_PRIVATE_HOSTS = [named]
    policy.cache_clear()
    host = named.removesuffix(":80")
    with pytest.raises(ToolFailed) as caught:
        run_tool(http_request, a_call(config={"hosts": [host]}), method="POST", url=f"http://{host}/")
    policy.cache_clear()
    assert caught.value.code == "egress_denied"


def test_a_named_private_host_can_be_read_too(reach: Reach) -> None:
    with origin({"/page": Answer(b"inside")}) as server:
        page = run_tool(http_get, reach(server.port), url=f"http://127.0.0.1:{server.port}/page")
        other = server.port + 1 if server.port < 65535 else server.port - 1
        with pytest.raises(ToolFailed, match="not open to tools"):
            run_tool(http_get, reach(server.port), url=f"http://127.0.0.1:{other}/page")
    assert page["text"] == "inside"


@pytest.mark.parametrize(
    ("answer", "body", "truncated"),
    [
        (Answer(b"{oops", headers=JSON), "{oops", False),
        (Answer(b"null", headers=JSON), None, False),
        (Answer(b"caf\xe9"), "caf\ufffd", False),
        (Answer(b"x" * 30_000), "x" * 20_000, True),
        (Answer(b"[" + b"1," * 2_000_000 + b"1]", headers=JSON), ("[" + "1," * 10_000)[:20_000], True),
    ],
)
def test_odd_answers(reach: Reach, answer: Answer, body: Any, truncated: bool) -> None:
    with origin({"/pay": answer}) as server:
        told = post(server, reach(server.port))
    assert (told["body"], told["truncated"]) == (body, truncated)


def test_arguments_are_checked() -> None:
    with pytest.raises(ToolInputInvalid, match="/method"):
        run_tool(http_request, a_call(config={"hosts": ["a"]}), method="GET", url="http://a/")
