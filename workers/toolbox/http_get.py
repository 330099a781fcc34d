"""`http_get`: fetch a public web page as text."""

import asyncio
import codecs
from functools import cache
from typing import Annotated, Final

from django.conf import settings
from pydantic import BaseModel, Field

from apps.tools.declaration import Effect, ToolCall, tool
from workers.toolbox.egress import EgressPolicy, Fetched, fetch
from workers.toolbox.readable import html_to_text

# Python knows codecs that take quadratic time or are no text at all; these are what the web uses.
_CHARSETS: Final = """
    utf-8 ascii iso8859-1 iso8859-2 iso8859-15 cp1250 cp1251 cp1252 utf-16 utf-16-le utf-16-be koi8-r shift_jis
    euc_jp euc_kr gb2312 gbk gb18030 big5
"""

CONFIG_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "hosts": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 253},
            "description": "Fetch from these hosts only; without it, from any public host.",
        }
    },
    "additionalProperties": False,
}


class Page(BaseModel):
    """What the model gets to read."""

    url: str
    status: int
    content_type: str
    title: str
    text: str
    truncated: bool


@tool(version="1.0.0", effect=Effect.READ_ONLY, timeout_s=20.0, config_schema=CONFIG_SCHEMA)
async def http_get(
    call: ToolCall,
    url: Annotated[str, Field(description="An http or https address on the public internet.", max_length=2000)],
    max_characters: Annotated[int, Field(description="How much text to return.", ge=100, le=200_000)] = 20_000,
) -> Page:
    """Fetch a public web page or text file and return it as plain text, without following links in it."""
    fetched = await fetch(url, policy(tuple(call.config.get("hosts", ()))))
    title, text = await asyncio.to_thread(_readable, fetched)
    return Page(
        url=fetched.url,
        status=fetched.status,
        content_type=fetched.content_type,
        title=title[:300],
        text=text[:max_characters],
        truncated=len(text) > max_characters,
    )


@cache
def policy(hosts: tuple[str, ...]) -> EgressPolicy:
    """The deployment's policy, narrowed to an agent's hosts."""
    return EgressPolicy(
        ports=frozenset(settings.CEF_EGRESS_PORTS),
        hosts=frozenset(host.lower().rstrip(".") for host in hosts),
        private=frozenset(host.lower().rstrip(".") for host in settings.CEF_EGRESS_PRIVATE_HOSTS),
    )


def _readable(fetched: Fetched) -> tuple[str, str]:
    text = fetched.body.decode(_charset(fetched.charset), errors="replace")
    return html_to_text(text) if fetched.content_type in {"text/html", "application/xhtml+xml"} else ("", text)


def _charset(declared: str | None) -> str:
    try:
        name = codecs.lookup(declared or "utf-8").name
    except LookupError:
        return "utf-8"
    return name if name in _CHARSETS.split() else "utf-8"
