"""`manage.py register_dashboard`: let the workers' dashboard sign people in; harmless to repeat."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.accounts.oauth.dashboard import register_dashboard


class Command(BaseCommand):
    help = "Register the workers' dashboard (Flower) as an OAuth client, or bring its registration up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        url, secret = settings.CEF_FLOWER_URL, settings.CEF_FLOWER_CLIENT_SECRET
        if not url or not secret:
            raise CommandError("Set CEF_FLOWER_URL and CEF_FLOWER_CLIENT_SECRET first.")
        changed = register_dashboard(url=url, secret=secret)
        self.stdout.write("The dashboard is registered." if changed else "The dashboard was registered already.")
