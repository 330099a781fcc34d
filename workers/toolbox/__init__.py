"""Built-in tools; what stands in this namespace is registered."""

from workers.toolbox.calculator import calculator
from workers.toolbox.current_time import current_time
from workers.toolbox.http_get import http_get
from workers.toolbox.note import note
from workers.toolbox.open_reference import open_reference
from workers.toolbox.search_context import search_context

__all__ = ["calculator", "current_time", "http_get", "note", "open_reference", "search_context"]
