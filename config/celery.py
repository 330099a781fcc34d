"""The Celery application: every process that sends or runs a task starts here."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

app = Celery("cef")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"])


@celeryd_init.connect
def _add_engine(**_: Any) -> None:
    """The engine lives in worker processes only, and needs Django's models, which are not ready before this signal."""
    from workers.engine.bootstep import EngineStep
    from workers.engine.events import EventBatches

    app.steps["worker"].add(EngineStep)
    app.steps["consumer"].add(EventBatches)
