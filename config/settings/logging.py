"""Logs: one line an event on standard error, with the run, step and workspace it belongs to."""

# A line for each request or task says nothing that events, metrics and our own lines do not.
_TALKATIVE = ("httpx", "httpx2", "celery.app.trace", "celery.worker.strategy")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "apps.core.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        **{name: {"level": "WARNING"} for name in _TALKATIVE},
        # Answers of 4xx are the caller's news, not ours.
        "django.request": {"level": "ERROR"},
    },
}
