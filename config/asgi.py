"""`live`: whatever waits, and nothing that a Django view could answer at once."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
django.setup()

from workers.live.app import LiveApp  # noqa: E402  # needs Django's apps

application = LiveApp()
