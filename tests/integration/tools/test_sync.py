"""The registry is written down after each migration and by command."""

from collections.abc import Mapping
from io import StringIO
from types import MappingProxyType
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from apps.tools.declaration import Effect, ToolCall, tool
from apps.tools.definitions import ToolDefinition
from apps.tools.exceptions import ToolNotFound
from apps.tools.models import ToolVersion
from apps.tools.registry import Registry, registry
from apps.tools.selectors import tool_version
from apps.tools.services import sync_registry
from apps.tools.services.syncing import CHANGED, REMOVED
from apps.tools.signals import sync_after_migrate

pytestmark = pytest.mark.django_db


def make(version: str = "1.0.0", text: str = "Greet.", timeout_s: float = 5) -> ToolDefinition:
    def greet(call: ToolCall, name: str) -> str:
        return f"Hello {name}"

    greet.__doc__ = text
    return tool(version=version, effect=Effect.READ_ONLY, timeout_s=timeout_s)(greet)


def holding(*definitions: ToolDefinition, broken: Mapping[str, str] = MappingProxyType({})) -> Registry:
    """The real tools, these, and what is broken."""
    added = {(one.name, one.version): one for one in definitions}
    sources = dict(registry().sources) | dict.fromkeys(added, "greetings")
    return Registry(dict(registry().tools) | added, sources, broken)


def selected(name: str, version: str | None = None) -> ToolVersion:
    """As any workspace sees it."""
    return tool_version(uuid4(), name, version)


def row(version: str = "1.0.0") -> ToolVersion:
    return ToolVersion.objects.get(tool__name="greet", version=version)


def test_the_built_in_tools_are_there_after_migrating() -> None:
    assert ToolVersion.objects.filter(is_available=True, tool__workspace=None).count() == len(registry().tools)


def test_a_new_tool_gets_a_row_that_says_what_the_code_says() -> None:
    report = sync_registry(holding(make()))
    assert (report.added, report.refused, report.unavailable) == (["greet@1.0.0"], [], [])
    written, definition = row(), make()
    assert (written.description, written.effect, written.timeout_s) == ("Greet.", Effect.READ_ONLY, 5)
    assert written.input_schema == definition.input_schema
    assert written.output_schema == {"type": "string"}
    assert bytes(written.digest) == definition.digest
    assert (written.source, written.is_available, written.tool.workspace) == ("greetings", True, None)


def test_a_second_time_nothing_is_written() -> None:
    sync_registry(holding(make()))
    before = list(ToolVersion.objects.order_by("id").values())
    report = sync_registry(holding(make()))
    assert report.added == []
    assert sorted(report.unchanged) == sorted(f"{name}@{version}" for name, version in holding(make()).tools)
    assert list(ToolVersion.objects.order_by("id").values()) == before


def test_a_changed_definition_under_the_same_version_is_refused() -> None:
    sync_registry(holding(make()))
    report = sync_registry(holding(make(text="Insult.")))
    assert report.refused == ["greet@1.0.0"]
    assert row().description == "Greet."
    assert bytes(row().digest) == make().digest
    assert (row().is_available, row().unavailable_reason) == (False, CHANGED)
    sync_registry(holding(make(), make("1.1.0", text="Insult.")))
    assert (row().is_available, row().unavailable_reason, row("1.1.0").description) == (True, "", "Insult.")


def test_a_time_limit_may_change_in_place() -> None:
    sync_registry(holding(make()))
    assert sync_registry(holding(make(timeout_s=9))).refused == []
    assert row().timeout_s == 9


def test_a_tool_whose_code_is_gone_is_unavailable_until_it_is_back() -> None:
    sync_registry(holding(make()))
    assert sync_registry(holding()).unavailable == ["greet@1.0.0"]
    assert (row().is_available, row().unavailable_reason) == (False, REMOVED)
    assert sync_registry(holding(make())).unavailable == []
    assert (row().is_available, row().unavailable_reason) == (True, "")


def test_the_tools_of_a_broken_plugin_are_shown_with_its_error() -> None:
    sync_registry(holding(make()))
    report = sync_registry(holding(broken={"greetings": "ImportError: no acme"}))
    assert report.broken == {"greetings": "ImportError: no acme"}
    assert row().unavailable_reason == "Its plugin greetings does not load: ImportError: no acme"
    assert selected("calculator").is_available


def test_a_version_is_found_by_number_or_as_the_newest() -> None:
    sync_registry(holding(make("1.9.0"), make("1.10.0"), make("2.0.0-beta")))
    assert selected("greet").version == "1.10.0"
    assert selected("greet", "2.0.0-beta").version == "2.0.0-beta"
    sync_registry(holding(make("1.9.0")))
    assert selected("greet").version == "1.9.0"
    for name, version in (("greet", "3.0.0"), ("none", None)):
        with pytest.raises(ToolNotFound):
            selected(name, version)


def test_the_command_says_what_it_did() -> None:
    ToolVersion.objects.filter(tool__name="note").delete()
    out = StringIO()
    call_command("sync_tools", stdout=out)
    assert out.getvalue() == f"added: note@1.0.0\n{len(registry().tools)} tools registered.\n"
    ToolVersion.objects.filter(tool__name="note").update(digest=b"other")
    with pytest.raises(CommandError, match=r"note@1\.0\.0"):
        call_command("sync_tools", stdout=out)


def test_a_migration_writes_the_tools_if_their_table_is_there() -> None:
    ToolVersion.objects.all().delete()
    sync_after_migrate(using="default", sender=apps.get_app_config("tools"))
    assert ToolVersion.objects.count() == len(registry().tools)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tools_toolversion RENAME TO elsewhere")
    sync_after_migrate(using="default", sender=apps.get_app_config("tools"))
