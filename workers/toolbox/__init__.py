"""Built-in tools; what stands in this namespace is registered."""

from workers.toolbox.calculator import calculator
from workers.toolbox.current_time import current_time
from workers.toolbox.http_get import http_get

__all__ = ["calculator", "current_time", "http_get"]
