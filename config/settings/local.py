"""The embedded stack of `make demo` and `make up`: one machine, one developer, secrets made on first start."""

from config.settings.base import *  # noqa: F403

ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
