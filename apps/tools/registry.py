"""Which tools this process has: built-in ones and those of installed packages.

A plugin is a module whose namespace holds tools (what `@tool` makes). Two places name plugins: the entry point group
`cef.tools` of installed packages

    [project.entry-points."cef.tools"]
    billing = "acme_billing.tools"

and the setting CEF_TOOL_MODULES, for code that is not installed as a package: this project itself in a checkout, or an
app of your own project. A plugin that does not load is reported once and left out as a whole; its known tools are shown
as unavailable, and no other plugin suffers.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from threading import Lock
from types import MappingProxyType
from typing import Final

from django.conf import settings

from apps.tools.definitions import ToolDefinition
from apps.tools.exceptions import ToolConflict, ToolUnavailable

logger = logging.getLogger(__name__)

GROUP: Final = "cef.tools"

_loading = Lock()


@dataclass(frozen=True, slots=True)
class Registry:
    """Tools by name and version, the plugin each came from, and what the broken plugins died of."""

    tools: Mapping[tuple[str, str], ToolDefinition]
    sources: Mapping[tuple[str, str], str]
    broken: Mapping[str, str]

    def get(self, name: str, version: str, digest: bytes | None = None) -> ToolDefinition:
        """The definition, if it is still the one that has this digest. Raises ToolUnavailable."""
        found = self.tools.get((name, version))
        if found is None:
            raise ToolUnavailable(f"The tool {name}@{version} is not installed here.")
        if digest is not None and found.digest != digest:
            raise ToolUnavailable(f"The tool {name}@{version} was changed without a new version.")
        return found


def registry() -> Registry:
    """The process's registry, loaded at the first call (after Django's apps are ready)."""
    with _loading:
        return _load_once()


def load_registry(modules: Iterable[str]) -> Registry:
    """A registry of these plugins, in this order. Never raises for what is wrong with a plugin."""
    tools: dict[tuple[str, str], ToolDefinition] = {}
    sources: dict[tuple[str, str], str] = {}
    broken: dict[str, str] = {}
    for module in dict.fromkeys(modules):
        try:
            found = merge(tools, read_plugin(module))
        except Exception as error:  # a plugin is foreign code: whatever it raises must stay its own trouble
            broken[module] = f"{type(error).__name__}: {error}"
            logger.exception("The tool plugin %s does not load; its tools are unavailable.", module)
            continue
        tools |= found
        sources |= dict.fromkeys(found, module)
    return Registry(MappingProxyType(tools), MappingProxyType(sources), MappingProxyType(broken))


def plugin_modules() -> list[str]:
    """The modules that settings and entry points name, settings first, each once."""
    installed = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return list(dict.fromkeys([*settings.CEF_TOOL_MODULES, *(point.value for point in installed)]))


def read_plugin(module: str) -> list[ToolDefinition]:
    """The tools in a module's namespace, by name and version."""
    namespace = vars(import_module(module)).values()
    found = {id(value): value for value in namespace if isinstance(value, ToolDefinition)}
    return sorted(found.values(), key=lambda definition: (definition.name, definition.version))


def merge(
    known: Mapping[tuple[str, str], ToolDefinition], added: Iterable[ToolDefinition]
) -> dict[tuple[str, str], ToolDefinition]:
    """What of `added` is new, by name and version.

    Raises ToolConflict when one claims a name and version that already mean something else.
    """
    new: dict[tuple[str, str], ToolDefinition] = {}
    for definition in added:
        key = (definition.name, definition.version)
        other = new.get(key) or known.get(key)
        if other is None:
            new[key] = definition
        elif other.digest != definition.digest:
            raise ToolConflict(f"Two different definitions claim {definition.label}.")
    return new


@cache
def _load_once() -> Registry:
    return load_registry(plugin_modules())
