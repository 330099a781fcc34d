"""`manage.py sync_tools`: write down which tools the installed code has."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.tools.services import sync_registry


class Command(BaseCommand):
    """Also runs after every migration; call it when only code was deployed."""

    help = "Registers the tools of the installed code and marks those that are gone. Can be run at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        report = sync_registry()
        for title in ("added", "unavailable", "refused"):
            for label in getattr(report, title):
                self.stdout.write(f"{title}: {label}")
        for module, error in report.broken.items():
            self.stderr.write(self.style.WARNING(f"does not load: {module}: {error}"))
        self.stdout.write(f"{len(report.added) + len(report.unchanged)} tools registered.")
        if report.refused:
            labels = ", ".join(report.refused)
            raise CommandError(f"Changed without a new version, and therefore refused: {labels}.")
