"""Server-sent events as bytes, after the HTML standard's event stream format."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from apps.core import canonical
from apps.core.renderers import FastJSONRenderer

RECONNECT_MS: Final = 2000
RETRY: Final = b"retry: %d\n\n" % RECONNECT_MS
HEARTBEAT: Final = b": still here\n\n"
GAP: Final = b"event: gap\ndata: {}\n\n"

_renderer = FastJSONRenderer()


def event_frame(seq: int, event_type: str, step: int | None, at: datetime, data: bytes) -> bytes:
    """A journalled event, in the form that REST lists it in; its number is the id that `Last-Event-ID` resumes from."""
    body: dict[str, Any] = {"seq": seq, "type": event_type, "step": step, "at": at} | canonical.load(data)
    return b"id: %d\n" % seq + _frame(event_type, body)


def delta_frame(text: str, *, so_far: bool = False) -> bytes:
    """A piece of the answer as it is spoken; without an id, so that it never moves `Last-Event-ID`.

    `so_far` is all that was said of it before: it takes the place of what a reader has.
    """
    return _frame("delta", {"text": text, "so_far": True} if so_far else {"text": text})


def done_frame(status: str) -> bytes:
    """The last frame: nothing more will come. `status` is the state that the run ended in."""
    return _frame("done", {"status": status})


def _frame(name: str, data: Mapping[str, Any]) -> bytes:
    """JSON has no raw line breaks, so one `data` line holds it."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _renderer.render(data))
