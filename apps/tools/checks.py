"""Django's system checks: a plugin that does not load is a warning, once per command."""

from typing import Any

from django.core.checks import CheckMessage, Warning, register

from apps.tools.registry import registry


@register("tools")
def broken_plugins(**kwargs: Any) -> list[CheckMessage]:
    """One warning per broken plugin."""
    return [
        Warning(f"The tool plugin {module} does not load: {error}", hint="Its tools are unavailable.", id="tools.W001")
        for module, error in registry().broken.items()
    ]
