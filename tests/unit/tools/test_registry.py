"""Plugins are found and loaded, and a broken one is its own trouble."""

import logging
from pathlib import Path

import pytest

from apps.tools.checks import broken_plugins
from apps.tools.declaration import tool
from apps.tools.definitions import ToolCall, ToolDefinition
from apps.tools.exceptions import ToolConflict, ToolUnavailable
from apps.tools.registry import load_registry, merge, plugin_modules, read_plugin, registry

GOOD = '''
from apps.tools.declaration import Effect, ToolCall, tool

@tool(version="{version}", effect=Effect.READ_ONLY)
def {name}(call: ToolCall) -> str:
    """{text}"""
    return "{text}"

same_thing_under_another_name = {name}
not_a_tool = "x"
'''


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def write(folder: Path, module: str, *, name: str, version: str = "1.0.0", text: str = "Hello.") -> str:
    (folder / f"{module}.py").write_text(GOOD.format(name=name, version=version, text=text))
    return module


def make(version: str = "1.0.0", text: str = "Hello.") -> ToolDefinition:
    def greet(call: ToolCall) -> str:
        return text

    greet.__doc__ = text
    return tool(version=version)(greet)


def test_the_toolbox_is_registered() -> None:
    assert {"calculator", "current_time", "http_get"} <= {name for name, _ in registry().tools}
    assert registry().sources["calculator", "1.0.0"] == "workers.toolbox"
    assert dict(registry().broken) == {}
    assert registry() is registry()


def test_a_module_named_by_setting_and_by_entry_point_is_one_plugin() -> None:
    assert plugin_modules().count("workers.toolbox") == 1


def test_a_plugin_is_a_module_with_tools_in_its_namespace(plugins: Path) -> None:
    assert [found.label for found in read_plugin(write(plugins, "plugin_one", name="one"))] == ["one@1.0.0"]


def test_a_broken_plugin_breaks_nobody_else(plugins: Path, caplog: pytest.LogCaptureFixture) -> None:
    (plugins / "plugin_broken.py").write_text("raise RuntimeError('half installed')")
    good = write(plugins, "plugin_two", name="two")
    with caplog.at_level(logging.ERROR):
        found = load_registry(["plugin_broken", "plugin_missing", good, good])
    assert list(found.tools) == [("two", "1.0.0")]
    assert dict(found.broken) == {
        "plugin_broken": "RuntimeError: half installed",
        "plugin_missing": "ModuleNotFoundError: No module named 'plugin_missing'",
    }
    assert [record.args for record in caplog.records] == [("plugin_broken",), ("plugin_missing",)]


def test_two_meanings_of_one_version_break_the_plugin_that_came_second(plugins: Path) -> None:
    first = write(plugins, "plugin_first", name="greet")
    second = write(plugins, "plugin_second", name="greet", text="Good day.")
    found = load_registry([first, second])
    assert found.tools["greet", "1.0.0"].description == "Hello."
    assert found.sources["greet", "1.0.0"] == first
    assert dict(found.broken) == {second: "ToolConflict: Two different definitions claim greet@1.0.0."}


def test_the_same_definition_twice_is_no_conflict() -> None:
    known = {("greet", "1.0.0"): make()}
    assert merge(known, [make()]) == {}
    assert list(merge(known, [make("2.0.0")])) == [("greet", "2.0.0")]
    with pytest.raises(ToolConflict, match=r"greet@1\.0\.0"):
        merge(known, [make(text="Good day.")])
    with pytest.raises(ToolConflict):
        merge({}, [make(), make(text="Good day.")])


def test_a_tool_is_found_by_name_version_and_digest(plugins: Path) -> None:
    found = load_registry([write(plugins, "plugin_three", name="three")])
    definition = found.tools["three", "1.0.0"]
    assert found.get("three", "1.0.0") is definition
    assert found.get("three", "1.0.0", definition.digest) is definition
    with pytest.raises(ToolUnavailable, match="not installed"):
        found.get("three", "2.0.0")
    with pytest.raises(ToolUnavailable, match="changed without a new version"):
        found.get("three", "1.0.0", b"another")


def test_no_plugin_is_broken_as_shipped() -> None:
    assert broken_plugins() == []
