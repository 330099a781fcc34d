"""Which server a command talks to, and with which key.

The first that is there: the profile that was asked for, the environment (CEF_URL with CEF_API_KEY), the default profile
of the configuration file, the local stack's `.cef/cli.json`, searched from the working directory upwards. Never a
mixture: a key goes to its own server only.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cli.errors import UsageProblem

LOCAL_FILE: Final = Path(".cef", "cli.json")
_HINT: Final = "Set CEF_URL and CEF_API_KEY, write ~/.config/cef/config.toml, or start a local stack with `make up`."


@dataclass(frozen=True)
class Target:
    """A server and the key for it; `source` says in words where they were found."""

    url: str
    api_key: str = field(repr=False)
    live_url: str | None
    source: str


def find_target(environ: Mapping[str, str], directory: Path, profile: str | None = None) -> Target:
    """The server to talk to. Raises UsageProblem when nothing names one, or what names it is incomplete."""
    if profile is None and (environ.get("CEF_URL") or environ.get("CEF_API_KEY")):
        return _of_environment(environ)
    config = _config_file(environ)
    name = profile or environ.get("CEF_PROFILE") or _default_profile(config)
    if name:
        return _of_profile(config, name)
    for folder in (directory, *directory.parents):
        if (folder / LOCAL_FILE).exists():
            return _of_local_stack(folder / LOCAL_FILE)
    raise UsageProblem("Nothing says which server to talk to.", hint=_HINT)


def _of_environment(environ: Mapping[str, str]) -> Target:
    missing = [name for name in ("CEF_URL", "CEF_API_KEY") if not environ.get(name)]
    if missing:
        raise UsageProblem(f"{missing[0]} is not set, but its counterpart is: the two belong together.")
    values = {"url": environ["CEF_URL"], "api_key": environ["CEF_API_KEY"], "live_url": environ.get("CEF_LIVE_URL")}
    return _target(values, "the environment")


def _default_profile(config: Path) -> str | None:
    """Named by `default`, or called so; None when there is none."""
    content = _read(config) if config.exists() else {}
    default = content.get("default", "default" if "default" in content.get("profiles", {}) else None)
    return None if default is None else str(default)


def _of_profile(config: Path, name: str) -> Target:
    profiles = _read(config).get("profiles", {})
    if name not in profiles:
        known = ", ".join(profiles) or "none"
        raise UsageProblem(f"{config} has no profile {name!r}; it has: {known}.")
    return _target(profiles[name], f"the profile {name!r} of {config}")


def _read(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageProblem(f"{config} cannot be read: {error}") from error


def _of_local_stack(file: Path) -> Target:
    try:
        return _target(json.loads(file.read_text("utf-8")), f"the local stack's {file}")
    except (OSError, ValueError) as error:
        raise UsageProblem(f"{file} cannot be read: {error}", hint="Start the stack again with `make up`.") from error


def _target(values: Any, source: str) -> Target:
    if not isinstance(values, dict):
        raise UsageProblem(f"No url and api_key in {source}.")
    url, key = values.get("url"), values.get("api_key")
    if not isinstance(url, str) or not isinstance(key, str) or not key.strip():
        raise UsageProblem(f"No url and api_key in {source}.")
    live = values.get("live_url") or None
    return Target(_checked(url, source), key.strip(), _checked(live, source) if live else None, source)


def _checked(url: str, source: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageProblem(f"{url!r} in {source} is no http:// or https:// address.")
    return url.rstrip("/")


def _config_file(environ: Mapping[str, str]) -> Path:
    folder = environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "cef" / "config.toml"
