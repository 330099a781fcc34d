"""Built-in tools; what stands in this namespace is registered."""

from workers.toolbox.ask import ask
from workers.toolbox.calculator import calculator
from workers.toolbox.current_time import current_time
from workers.toolbox.http_get import http_get
from workers.toolbox.http_request import http_request
from workers.toolbox.note import note
from workers.toolbox.open_reference import open_reference
from workers.toolbox.run_agent import run_agent
from workers.toolbox.search_context import search_context
from workers.toolbox.sleep import sleep
from workers.toolbox.wait_for_event import wait_for_event

__all__ = [
    "ask",
    "calculator",
    "current_time",
    "http_get",
    "http_request",
    "note",
    "open_reference",
    "run_agent",
    "search_context",
    "sleep",
    "wait_for_event",
]
