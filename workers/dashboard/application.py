"""Flower as this platform serves it: read only, bounded in memory, with a gate before it."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from flower.app import Flower
from flower.options import default_options
from flower.urls import settings as flower_settings
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

from workers.dashboard.config import DashboardConfig
from workers.dashboard.gate import FILES, OPEN, Gate, RefusalHandler, wants_page
from workers.dashboard.session import AUTH_PATTERN

if TYPE_CHECKING:
    from celery import Celery

OPTIONS: Final[dict[str, Any]] = {
    "auth": AUTH_PATTERN,
    "auth_provider": "workers.dashboard.signin.SignInHandler",
    "read_only": True,
    "max_tasks": 10_000,
    "max_workers": 500,
    "purge_offline_workers": 300,
    "persistent": False,
    "inspect_timeout": 2000.0,
    "task_runtime_metric_buckets": [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0],
}


class Dashboard(Flower):  # type: ignore[misc]  # the library has no types
    """Flower, reached only through the gate."""

    def __init__(self, config: DashboardConfig, capp: "Celery") -> None:
        self.config = config
        self.gate = Gate(config)
        headers = partial(_Headers, config=config)
        super().__init__(options=_options(config), capp=capp, transforms=[headers], **_settings(config))

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Flower's handler for the request, if the gate admits it."""
        if self.gate.admits(request):
            return super().find_handler(request, **kwargs)
        return self.get_handler_delegate(request, RefusalHandler)


def _options(config: DashboardConfig) -> Any:
    """Flower's options are one object for the process; FLOWER_* variables are not read."""
    values = OPTIONS | {"address": config.address, "port": config.port, "url_prefix": config.prefix.strip("/")}
    for name, value in values.items():
        setattr(default_options, name, value)
    return default_options


def _settings(config: DashboardConfig) -> dict[str, Any]:
    values: dict[str, Any] = flower_settings | {
        "cookie_secret": config.cookie_secret,
        "login_url": f"{config.prefix}/login",
        "static_url_prefix": f"{config.prefix}/static/",
        "xsrf_cookie_kwargs": {"secure": config.secure, "samesite": "Lax"},
        "debug": False,
    }
    return values


class _Headers(OutputTransform):
    """Keeps answers out of frames and caches, and has a page renew itself before its session ends."""

    def __init__(self, request: HTTPServerRequest, *, config: DashboardConfig) -> None:
        self._values = {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
        path = request.path.removeprefix(config.prefix)
        if not path.startswith(FILES):
            self._values["Cache-Control"] = "no-store"
        if wants_page(request) and path not in OPEN:
            self._values["Refresh"] = str(config.session_seconds // 2)

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        for name, value in self._values.items():
            headers[name] = value
        return status_code, headers, chunk
