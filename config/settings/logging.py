"""Logs: one line an event on standard error, with the run, step and workspace it belongs to."""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"fields": {"()": "apps.core.logs.ContextFilter"}, "secrets": {"()": "apps.core.logs.RedactSecrets"}},
    "formatters": {"line": {"()": "apps.core.logs.JsonFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["fields", "secrets"]},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"httpx": {"level": "WARNING"}, "httpx2": {"level": "WARNING"}},
}
