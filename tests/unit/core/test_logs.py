"""Every line is one JSON object, says whose it is, and holds no secret."""

import json
import logging
import sys
from typing import Any

import pytest

from apps.core.logs import JsonFormatter, log_fields, redact

KEY = "cef_8Qx1LmZp_" + "s" * 43 + "_4fT0aB"


def line(message: str, *args: Any, **more: Any) -> dict[str, Any]:
    extra = more.pop("extra", {})
    record = logging.getLogger("cef.test").makeRecord(
        "cef.test", logging.INFO, "f", 1, message, args, **more, extra=extra
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    value: dict[str, Any] = json.loads(text)
    return value


def test_a_line_has_its_message_level_logger_and_time() -> None:
    value = line("run %s is done", 7, exc_info=None)
    assert (value["event"], value["level"], value["logger"]) == ("run 7 is done", "info", "cef.test")
    assert value["timestamp"].endswith("Z")


def test_fields_are_on_every_line_of_the_block_and_no_other() -> None:
    with log_fields(run="r1", workspace="w1"), log_fields(step=3):
        inside = line("x", exc_info=None)
    assert (inside["run"], inside["workspace"], inside["step"]) == ("r1", "w1", 3)
    assert "run" not in line("x", exc_info=None)


def test_extra_values_and_tracebacks_are_there() -> None:
    try:
        raise ValueError(f"bad key {KEY}")
    except ValueError:
        value = line("it broke", exc_info=sys.exc_info(), extra={"count": 3})
    assert value["count"] == 3
    assert "ValueError: bad key cef_8Qx1LmZp_[redacted]" in value["exception"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"used {KEY} twice", "used cef_8Qx1LmZp_[redacted] twice"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
        ("key=sk-proj-abcdefghijkl1234", "key=sk-[redacted]"),
        ("postgresql://cef:hunter2@localhost/db", "postgresql://cef:[redacted]@localhost/db"),
        ("redis://:hunter2@localhost:6379/0", "redis://:[redacted]@localhost:6379/0"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "[redacted]", "n": 1}'),
        ("{'password': 'hunter2'}", "{'password': '[redacted]'}"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert redact(text) == masked
    assert line("%s", text, exc_info=None)["event"] == masked


@pytest.mark.parametrize(
    "text", ["tokens: 1200", "the secret of success", "http://localhost:8000/path@x", "step 3 of 5"]
)
def test_harmless_text_stays(text: str) -> None:
    assert redact(text) == text


def test_what_json_cannot_say_is_logged_still() -> None:
    assert line("%s", "a\ud800b", exc_info=None)["event"]
