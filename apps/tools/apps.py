"""Django's registration of this app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ToolsConfig(AppConfig):
    name = "apps.tools"
    label = "tools"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Write the registry down after each migration, and report broken plugins among Django's checks."""
        from apps.tools import checks, signals  # noqa: F401 - models can be imported from here on only

        post_migrate.connect(signals.sync_after_migrate, sender=self)
