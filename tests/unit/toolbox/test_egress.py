"""What the egress guard lets out, and what it must never connect to."""

import asyncio
import gzip
import socket
import ssl
import time
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from apps.core.addresses import IPAddress
from apps.tools.exceptions import ToolFailed
from tests.unit.toolbox.origin import Answer, Origin, origin, self_signed
from workers.toolbox.egress import EgressDenied, EgressPolicy, Fetched, FetchFailed, fetch

LOOPBACK = ip_address("127.0.0.1")
METADATA = "169.254.169.254"


class Names:
    """A resolver with fixed answers that counts the questions."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str) -> list[IPAddress]:
        self.asked.append(host)
        return [ip_address(text) for text in self.answers.get(host.replace(".test", ""), [host])]


def local_policy(server: Origin, names: Names | None = None) -> EgressPolicy:
    """Permits loopback, which the real policy denies, so that a real server can be asked."""
    return EgressPolicy(
        ports=frozenset({server.port, 80}),
        permits=lambda address: address == LOOPBACK,
        resolve=names or Names(site=["127.0.0.1"]),
    )


def get(url: str, policy: EgressPolicy) -> Fetched:
    return asyncio.run(fetch(url, policy))


def test_a_page_is_fetched_by_name_from_the_checked_address() -> None:
    names = Names(site=["127.0.0.1"])
    with origin({"/a?b=1": Answer(b"hello", headers={"Content-Type": "text/plain; charset=latin-1"})}) as server:
        url = f"http://site.test:{server.port}/a?b=1"
        fetched = get(url, local_policy(server, names))
    assert fetched == Fetched(url, 200, "text/plain", "latin-1", b"hello")
    assert names.asked == ["site.test"]
    headers = server.seen[0][1]
    assert headers["Host"] == f"site.test:{server.port}"
    assert headers["Accept-Encoding"] == "gzip"
    assert "Cookie" not in headers
    assert "Authorization" not in headers


def test_error_pages_are_read_too() -> None:
    with origin({"/": Answer(b"gone", status=410)}) as server:
        fetched = get(f"http://site.test:{server.port}/", local_policy(server))
    assert (fetched.status, fetched.body) == (410, b"gone")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://0/",
        "http://10.0.0.8/",
        "http://169.254.169.254/latest/meta-data/",
        "http://192.0.0.192/opc/v2/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://localhost/",
        "http://localhost./",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
    ],
)
def test_addresses_that_are_not_public_are_denied_in_every_spelling(url: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        get(url, EgressPolicy())
    assert caught.value.code in {"egress_denied", "host_not_found"}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "http and https"),
        ("gopher://93.184.215.14:70/", "http and https"),
        ("ftp://93.184.215.14/", "http and https"),
        ("/relative", "http and https"),
        ("http://user:secret@93.184.215.14/", "user name"),
        ("http://93.184.215.14@127.0.0.1/", "user name"),
        ("http://93.184.215.14:22/", "Port 22"),
        ("http://93.184.215.14:0/", "Port 0"),
        ("http:///path", "no host"),
        ("http://[::1", "not a web address"),
    ],
)
def test_some_addresses_are_denied_before_any_lookup(url: str, words: str) -> None:
    names = Names()
    with pytest.raises(EgressDenied, match=words):
        get(url, EgressPolicy(resolve=names))
    assert names.asked == []


def test_one_private_address_among_public_ones_denies_the_host() -> None:
    policy = EgressPolicy(resolve=Names(mixed=["93.184.215.14", "10.0.0.1"]))
    with pytest.raises(EgressDenied, match="not on the public internet"):
        get("http://mixed.test/", policy)


def test_a_second_answer_of_the_name_server_changes_nothing() -> None:
    """DNS rebinding: checked once, connected to what was checked."""
    answers = iter([[LOOPBACK], [ip_address("10.0.0.1")]])
    with origin({"/": Answer(b"pinned")}) as server:
        policy = replace(local_policy(server), resolve=lambda host: next(answers))
        assert get(f"http://site.test:{server.port}/", policy).body == b"pinned"
    assert next(answers) == [ip_address("10.0.0.1")]


def test_redirects_are_followed_to_their_end() -> None:
    to = {"Location": "/b?c=d", "Content-Type": "text/plain", "Set-Cookie": "spy=1"}
    with origin({"/a": Answer(status=302, headers=to), "/b?c=d": Answer(b"end")}) as server:
        fetched = get(f"http://site.test:{server.port}/a", local_policy(server))
    assert (fetched.url, fetched.body) == (f"http://site.test:{server.port}/b?c=d", b"end")
    assert [headers.get("Cookie") for _, headers in server.seen] == [None, None]


@pytest.mark.parametrize(
    "location", [f"http://{METADATA}/latest/meta-data/", "//10.0.0.1/", "file:///etc/passwd", "http://site.test:22/"]
)
def test_a_redirect_passes_the_same_guard(location: str) -> None:
    with origin({"/": Answer(status=301, headers={"Location": location})}) as server, pytest.raises(EgressDenied):
        get(f"http://site.test:{server.port}/", local_policy(server))
    assert server.paths == ["/"]


def test_endless_redirects_end_after_the_sixth_request() -> None:
    loop = origin({"/": Answer(status=307, headers={"Location": "/"})})
    with loop as server, pytest.raises(FetchFailed) as caught:
        get(f"http://site.test:{server.port}/", local_policy(server))
    assert caught.value.code == "too_many_redirects"
    assert server.paths == ["/"] * 6


def test_an_agent_may_be_held_to_its_hosts() -> None:
    with origin({"/": Answer(status=302, headers={"Location": "http://other.test/"})}) as server:
        policy = replace(local_policy(server), hosts=frozenset({"site.test"}))
        with pytest.raises(EgressDenied, match=r"other\.test is not among"):
            get(f"http://SITE.test:{server.port}/", policy)
    assert server.paths == ["/"]


def test_compressed_pages_are_read() -> None:
    headers = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    with origin({"/": Answer(gzip.compress(b"<p>hi" * 1000), headers=headers)}) as server:
        assert get(f"http://site.test:{server.port}/", local_policy(server)).body == b"<p>hi" * 1000


def test_a_compression_bomb_is_cut_off() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    with origin({"/": Answer(bomb, headers=headers)}) as server, pytest.raises(FetchFailed) as caught:
        get(f"http://site.test:{server.port}/", local_policy(server))
    assert len(bomb) < 100_000
    assert caught.value.code == "response_too_large"


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
def test_a_response_may_be_as_large_as_the_policy_says_and_no_larger(size: int, fits: bool) -> None:
    with origin({"/": Answer(b"x" * size)}) as server:
        policy = replace(local_policy(server), max_bytes=1000)
        if fits:
            assert len(get(f"http://site.test:{server.port}/", policy).body) == size
        else:
            with pytest.raises(FetchFailed, match="more than 1000 bytes"):
                get(f"http://site.test:{server.port}/", policy)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": "image/png"}, "content_type_denied"),
        ({"Content-Type": "application/octet-stream"}, "content_type_denied"),
        ({}, "content_type_denied"),
        ({"Content-Type": "text/plain", "Content-Encoding": "br"}, "content_encoding_denied"),
        ({"Content-Type": "text/plain", "Content-Encoding": "gzip"}, "content_encoding_denied"),
    ],
)
def test_what_is_not_readable_text_is_refused(headers: dict[str, str], code: str) -> None:
    with origin({"/": Answer(b"not gzip", headers=headers)}) as server, pytest.raises(FetchFailed) as caught:
        get(f"http://site.test:{server.port}/", local_policy(server))
    assert caught.value.code == code


def test_tls_is_verified_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "site.test")
    with origin({"/": Answer(b"secret")}, certificate) as server:
        policy = replace(
            local_policy(server, Names(site=["127.0.0.1"], other=["127.0.0.1"])),
            tls=lambda: ssl.create_default_context(cafile=certificate),
        )
        assert get(f"https://site.test:{server.port}/", policy).body == b"secret"
        with pytest.raises(FetchFailed, match="could not be reached"):
            get(f"https://other.test:{server.port}/", policy)
    assert server.paths == ["/"]


def test_a_silent_server_costs_no_more_than_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        policy = EgressPolicy(
            ports=frozenset({port}), permits=lambda _: True, resolve=Names(site=["127.0.0.1"]), total_s=0.2
        )
        started = time.monotonic()
        with pytest.raises(FetchFailed) as caught:
            get(f"http://site.test:{port}/", policy)
    assert (caught.value.code, caught.value.retryable) == ("fetch_timeout", True)
    assert time.monotonic() - started < 3


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://10.0.0.1:3128")
    monkeypatch.setenv("ALL_PROXY", "http://10.0.0.1:3128")
    with origin({"/": Answer(b"direct")}) as server:
        assert get(f"http://site.test:{server.port}/", local_policy(server)).body == b"direct"
