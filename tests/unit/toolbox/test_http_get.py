"""`http_get` as an agent calls it."""

import pytest

from apps.tools.declaration import Effect
from apps.tools.exceptions import ToolFailed, ToolInputInvalid
from apps.tools.schemas import compile_validator, faults
from tests.unit.tools.calls import a_call, run_tool
from workers.toolbox.egress import Fetched
from workers.toolbox.http_get import _readable, http_get, policy


def test_it_declares_what_it_does() -> None:
    assert (http_get.label, http_get.effect, http_get.timeout_s) == ("http_get@1.0.0", Effect.READ_ONLY, 20.0)
    assert http_get.input_schema["required"] == ["url"]
    assert http_get.input_schema["properties"]["max_characters"]["default"] == 20_000


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://169.254.169.254/", "http://[::1]:80/", "file:///etc/passwd"]
)
def test_the_inside_is_out_of_reach(url: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        run_tool(http_get, url=url)
    assert (caught.value.code, caught.value.retryable) == ("egress_denied", False)


def test_the_binding_holds_an_agent_to_its_hosts() -> None:
    with pytest.raises(ToolFailed, match=r"The host example\.com is not among those"):
        run_tool(http_get, a_call(config={"hosts": ["api.example.com"]}), url="http://example.com/")
    assert policy(("API.example.com.",)).hosts == frozenset({"api.example.com"})


def test_a_binding_can_configure_hosts_and_nothing_else() -> None:
    validator = compile_validator(http_get.config_schema)
    assert faults(validator, {}) == ()
    assert faults(validator, {"hosts": ["a.example"]}) == ()
    assert [fault.code for fault in faults(validator, {"ports": [22]})] == ["additionalProperties"]


def test_arguments_are_checked() -> None:
    with pytest.raises(ToolInputInvalid, match="/max_characters"):
        run_tool(http_get, url="http://example.com/", max_characters=99)


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("latin-1", b"caf\xe9", "café"),
        (None, "café".encode(), "café"),
        ("utf-8", b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}"),
        ("punycode", b"abc", "abc"),
        ("rot13", b"abc", "abc"),
        ("no-such", b"abc", "abc"),
    ],
)
def test_text_is_decoded_as_declared_when_the_web_uses_that_charset(
    charset: str | None, body: bytes, text: str
) -> None:
    assert _readable(Fetched("http://x/", 200, "text/plain", charset, body)) == ("", text)


def test_html_becomes_text() -> None:
    fetched = Fetched("http://x/", 200, "text/html", None, b"<title>T</title><p>body")
    assert _readable(fetched) == ("T", "body")
