"""Django's registration of this app."""

from django.apps import AppConfig


class ContextsConfig(AppConfig):
    name = "apps.contexts"
    label = "contexts"
    default_auto_field = "django.db.models.BigAutoField"
