"""The command line's parts: where the server is, server-sent events, words."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import words
from cli.errors import UsageProblem
from cli.sse import COMMENT, ServerEvent, read_events
from cli.target import find_target

CONFIG = """
default = "work"
[profiles.work]
url = "https://cef.example/"
api_key = "cef_work"
[profiles.other]
url = "https://other.example"
api_key = "cef_other"
live_url = "https://live.other.example"
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment without a configuration file."""
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


def write_config(home: dict[str, str], text: str) -> None:
    folder = Path(home["XDG_CONFIG_HOME"], "cef")
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text)


def write_local(folder: Path) -> None:
    (folder / ".cef").mkdir(parents=True)
    (folder / ".cef" / "cli.json").write_text(
        json.dumps({"url": "http://127.0.0.1:8000", "live_url": "http://127.0.0.1:8001", "api_key": "cef_local"})
    )


def test_the_environment_comes_first(home: dict[str, str], tmp_path: Path) -> None:
    write_config(home, CONFIG)
    target = find_target(home | {"CEF_URL": "http://here/", "CEF_API_KEY": " k "}, tmp_path)
    assert (target.url, target.api_key, target.live_url, target.source) == ("http://here", "k", None, "the environment")


def test_then_the_default_profile(home: dict[str, str], tmp_path: Path) -> None:
    write_config(home, CONFIG)
    write_local(tmp_path)
    target = find_target(home, tmp_path)
    assert (target.url, target.api_key) == ("https://cef.example", "cef_work")


def test_a_named_profile_beats_the_environment(home: dict[str, str], tmp_path: Path) -> None:
    write_config(home, CONFIG)
    target = find_target(home | {"CEF_URL": "http://here", "CEF_API_KEY": "k"}, tmp_path, "other")
    assert (target.url, target.live_url) == ("https://other.example", "https://live.other.example")
    assert find_target(home | {"CEF_PROFILE": "other"}, tmp_path).api_key == "cef_other"


def test_then_the_local_stack_above_the_working_directory(home: dict[str, str], tmp_path: Path) -> None:
    write_local(tmp_path)
    below = tmp_path / "docs" / "howto"
    below.mkdir(parents=True)
    target = find_target(home, below)
    assert (target.url, target.live_url) == ("http://127.0.0.1:8000", "http://127.0.0.1:8001")


def test_a_configuration_without_a_default_leaves_it_to_the_local_stack(home: dict[str, str], tmp_path: Path) -> None:
    write_config(home, CONFIG.replace('default = "work"', ""))
    write_local(tmp_path)
    assert find_target(home, tmp_path).api_key == "cef_local"


@pytest.mark.parametrize(
    ("environment", "config", "complaint"),
    [
        ({}, "", "Nothing says which server to talk to."),
        ({"CEF_URL": "http://here"}, "", "CEF_API_KEY is not set"),
        ({"CEF_API_KEY": "k"}, "", "CEF_URL is not set"),
        ({"CEF_URL": "ftp://here", "CEF_API_KEY": "k"}, "", "is no http:// or https:// address"),
        ({"CEF_PROFILE": "none"}, CONFIG, "has no profile 'none'; it has: work, other."),
        ({}, "default = [", "cannot be read"),
        ({}, 'default = "x"\n[profiles.x]\nurl = "http://here"', "No url and api_key"),
    ],
)
def test_what_is_missing_or_odd_is_said(
    home: dict[str, str], tmp_path: Path, environment: dict[str, str], config: str, complaint: str
) -> None:
    write_config(home, config)
    with pytest.raises(UsageProblem) as refusal:
        find_target(home | environment, tmp_path)
    assert complaint in refusal.value.message


def test_a_key_is_not_shown(home: dict[str, str], tmp_path: Path) -> None:
    assert "secret" not in repr(find_target({"CEF_URL": "http://here", "CEF_API_KEY": "secret"}, tmp_path))


STREAM = (
    'retry: 2000\n\nid: 3\nevent: step.recorded\ndata: {"a":"\u2028"}\n\n: still here\n\nevent: delta\ndata: {}\n\n'
)
EVENTS = [ServerEvent("step.recorded", {"a": "\u2028"}, 3), COMMENT, ServerEvent("delta", {})]


@given(st.lists(st.integers(0, len(STREAM.encode())), max_size=8))
def test_events_come_out_alike_however_the_stream_is_cut(cuts: list[int]) -> None:
    raw = STREAM.encode()
    places = [0, *sorted(cuts), len(raw)]
    chunks = [raw[start:end] for start, end in pairwise(places)]
    assert list(read_events(chunks)) == EVENTS


def test_carriage_returns_are_line_ends_too_and_half_an_event_is_none() -> None:
    assert list(read_events([b'event: x\r\ndata: {"n":1}\r\n\r\nevent: y\ndata: {}\n'])) == [ServerEvent("x", {"n": 1})]


@pytest.mark.parametrize(
    ("said", "words_"),
    [
        (words.duration(85.4), "85 ms"),
        (words.duration(1234), "1.2 s"),
        (words.duration(200_000), "3 min 20 s"),
        (words.duration(None), "–"),
        (words.elapsed("2026-11-23T09:30:00Z", "2026-11-23T09:30:01.5Z"), 1500.0),
        (words.elapsed("2026-11-23T09:30:00Z", None), None),
        (words.usd("0.00016100"), "$0.000161"),
        (words.usd("0"), ""),
        (words.usd(None), ""),
        (words.usd(12), "$12"),
        (words.tokens(1812, 43), "1,812 → 43 tokens"),
        (words.tokens(0, None), ""),
        (words.joined(["a", "", "b"]), "a · b"),
        (words.printable("a\x1b[31mb\ud800\tc\n"), "a\ufffd[31mb?\tc\n"),
    ],
)
def test_words(said: object, words_: object) -> None:
    assert said == words_
