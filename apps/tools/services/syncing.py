"""Writes the registry down, so that agents can bind tools and people can read about them."""

import logging
from dataclasses import dataclass, field
from typing import Final

from django.db import connection, transaction

from apps.tools.definitions import ToolDefinition
from apps.tools.models import Tool, ToolVersion
from apps.tools.registry import Registry, registry

logger = logging.getLogger(__name__)

# Any constant that no other advisory lock uses; the spelling is "tool" in ASCII.
_LOCK: Final = 0x746F6F6C

CHANGED: Final = "The installed code of this version was changed without a new version; give it one."
REMOVED: Final = "The code of this version is not installed."


@dataclass
class SyncReport:
    """What a synchronisation found, as `name@version` labels."""

    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


@transaction.atomic
def sync_registry(source: Registry | None = None) -> SyncReport:
    """Write a platform row for every registered version and mark those whose code is gone.

    Idempotent. What agents bound is never altered: a version whose definition differs from its row is refused and
    marked unavailable until the code gets a new version. One synchronisation runs at a time (an advisory lock).
    """
    found = source or registry()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    report = SyncReport(broken=dict(found.broken))
    rows = {(row.tool.name, row.version): row for row in _platform_versions()}
    for key, definition in found.tools.items():
        _write(definition, found.sources[key], rows.get(key), report)
    for key, row in rows.items():
        if key not in found.tools:
            _mark(row, _absence(row, found))
            report.unavailable.append(str(row))
    _log(report)
    return report


def _platform_versions() -> list[ToolVersion]:
    return list(ToolVersion.objects.filter(tool__workspace=None).select_related("tool"))


def _write(definition: ToolDefinition, source: str, row: ToolVersion | None, report: SyncReport) -> None:
    if row is None:
        _add(definition, source)
        report.added.append(definition.label)
    elif bytes(row.digest) != definition.digest:
        _mark(row, CHANGED)
        report.refused.append(definition.label)
    else:
        _refresh(row, definition, source)
        report.unchanged.append(definition.label)


def _add(definition: ToolDefinition, source: str) -> None:
    tool, _ = Tool.objects.get_or_create(workspace=None, name=definition.name)
    ToolVersion.objects.create(
        tool=tool,
        version=definition.version,
        description=definition.description,
        input_schema=definition.input_schema,
        output_schema=definition.output_schema,
        config_schema=definition.config_schema,
        effect=definition.effect,
        timeout_s=definition.timeout_s,
        digest=definition.digest,
        source=source,
    )


def _refresh(row: ToolVersion, definition: ToolDefinition, source: str) -> None:
    """What may change without a new version: the time limit, where the code lives, and that it is back."""
    fresh = {"timeout_s": definition.timeout_s, "source": source, "is_available": True, "unavailable_reason": ""}
    if any(getattr(row, name) != value for name, value in fresh.items()):
        ToolVersion.objects.filter(pk=row.pk).update(**fresh)


def _mark(row: ToolVersion, reason: str) -> None:
    if row.is_available or row.unavailable_reason != reason:
        ToolVersion.objects.filter(pk=row.pk).update(is_available=False, unavailable_reason=reason)


def _absence(row: ToolVersion, found: Registry) -> str:
    error = found.broken.get(row.source)
    return f"Its plugin {row.source} does not load: {error}"[:500] if error else REMOVED


def _log(report: SyncReport) -> None:
    for label in report.refused:
        logger.error("The tool %s was changed without a new version; the registered definition stands.", label)
