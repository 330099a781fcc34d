"""Django's registration of this app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ProvidersConfig(AppConfig):
    name = "apps.providers"
    label = "providers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Write the embedded embedding models down after each migration."""
        from apps.providers import signals  # models can be imported from here on only

        post_migrate.connect(signals.sync_after_migrate, sender=self)
