"""`python -m config.flower`: the workers' dashboard, Flower behind the platform's own sign-in.

Its Celery application knows the broker and no task: it watches workers, and needs neither their code nor the database.
"""

import os

from celery import Celery
from django.conf import settings
from django.utils.log import configure_logging

from workers.dashboard.config import DashboardConfig
from workers.dashboard.server import serve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")


def main() -> None:
    """Serve until told to stop."""
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    app = Celery("cef", fixups=[])
    app.config_from_object("django.conf:settings", namespace="CELERY")
    serve(DashboardConfig.from_settings(), app)


if __name__ == "__main__":
    main()
