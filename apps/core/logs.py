"""Log lines: one JSON object a line, with the run, step, workspace and request it belongs to, and no secret in it."""

import json
import re
from contextlib import AbstractContextManager
from typing import Any, Final

import orjson
import structlog

_MASK: Final = "[redacted]"
_SECRETS: Final = (
    (re.compile(r"\bcef_([A-Za-z0-9]{8})_[A-Za-z0-9_-]+"), rf"cef_\1_{_MASK}"),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1 {_MASK}"),
    (re.compile(r"\b(sk|rk|pk|gsk|xox[bp])-[A-Za-z0-9_-]{12,}"), rf"\1-{_MASK}"),
    (re.compile(r"\b(AKIA|AIza)[A-Za-z0-9_-]{12,}"), rf"\1{_MASK}"),
    (re.compile(r"(://[^/\s:@\"']*):[^/\s@\"']+@"), rf"\1:{_MASK}@"),
    (
        re.compile(
            r"""(\b(?:authorization|x-api-key|api_?key|password|secret|client_secret|credentials|cookie|set-cookie)"""
            r"""\\?["']?\s*[:=]\s*\\?["'])[^"'\\]+""",
            re.IGNORECASE,
        ),
        rf"\1{_MASK}",
    ),
)


def log_fields(**fields: Any) -> AbstractContextManager[None]:
    """Put fields (`run`, `step`, `workspace`, `request_id`) on every line logged in this block, by this coroutine."""
    return structlog.contextvars.bound_contextvars(**fields)


def redact(text: str) -> str:
    """The text with API keys, Authorization headers and other credentials masked."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders any record of the standard library or structlog as one line of JSON, secrets masked."""

    def __init__(self) -> None:
        super().__init__(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _render,
            ],
        )


def _render(_logger: Any, _method: str, event: structlog.typing.EventDict) -> str:
    try:
        line = orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:
        line = json.dumps(event, default=str)
    return redact(line)
