"""Django's registration of this app."""

from django.apps import AppConfig


class HelpdeskConfig(AppConfig):
    name = "tests.example_app"
    label = "helpdesk"
