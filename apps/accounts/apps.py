"""Django's registration of this app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"
    verbose_name = "Access"
    default_auto_field = "django.db.models.BigAutoField"
