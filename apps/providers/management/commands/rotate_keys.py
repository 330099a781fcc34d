"""Puts every stored credential under the active key, so that older keys can leave CEF_ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.providers.services import rotate_credentials


class Command(BaseCommand):
    help = "Encrypt every provider's credentials again, with the first key of CEF_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Encrypted the credentials of {rotate_credentials()} providers again.")
