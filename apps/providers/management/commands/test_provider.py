"""Asks a provider one small question and says what came back."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import Workspace
from apps.core.exceptions import NotFound
from apps.providers.selectors import model_by_name, provider_by_slug
from apps.providers.services import test_connection


class Command(BaseCommand):
    help = "Send one small request to a provider and report whether it answered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the provider's slug")
        parser.add_argument("--workspace", required=True, help="the workspace's slug")
        parser.add_argument("--model", help="a model's name; the provider's first one without it")

    def handle(self, *args: Any, slug: str, workspace: str, model: str | None = None, **options: Any) -> None:
        found = Workspace.objects.filter(slug=workspace).first()
        if found is None:
            raise CommandError(f"There is no workspace {workspace!r}.")
        try:
            provider = provider_by_slug(found.id, slug)
            language_model = model_by_name(found.id, f"{slug}:{model}") if model else None
        except NotFound as error:
            raise CommandError(error.message) from None
        report = test_connection(provider, language_model)
        if not report.ok:
            raise CommandError(f"{report.code} after {report.latency_ms} ms: {report.detail}")
        self.stdout.write(f"{report.detail} ({report.latency_ms} ms)")
