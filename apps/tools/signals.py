"""After a migration the tools' rows follow the installed code."""

from typing import Any

from django.db import connections

from apps.tools.models import ToolVersion
from apps.tools.services import sync_registry


def sync_after_migrate(using: str, **kwargs: Any) -> None:
    """Write the registry down, unless this migration left the app without its tables (`migrate tools zero`)."""
    if ToolVersion._meta.db_table in connections[using].introspection.table_names():
        sync_registry()
