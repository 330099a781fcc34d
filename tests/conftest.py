"""Starts the suite's servers and sets the environment before Django's settings load.

The process that was started by hand owns the servers; parallel workers inherit its environment and add their own Valkey
prefix, and pytest-django gives each its own database. `pytest tests/unit` starts no server.
"""

import os
from pathlib import Path

import django
import pytest

from tests.servers import SuiteServers

_ROOT = Path(__file__).resolve().parents[1]
_SETTINGS = "DJANGO_SETTINGS_MODULE"
_WORKER = os.environ.get("PYTEST_XDIST_WORKER")

_suite = None
if _WORKER is None:
    _suite = SuiteServers()
    os.environ.update(_suite.environment())
os.environ["CEF_REDIS_PREFIX"] = f"test:{_WORKER or 'main'}:"
os.environ[_SETTINGS] = "config.settings.test"
django.setup()


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, unless only unit tests were asked for; leave the parallel workers to load the settings."""
    if _suite is None:
        return
    config.add_cleanup(_suite.stop)
    if config.getoption("dist", "no") != "no":
        del os.environ[_SETTINGS]
    if not config.option.collectonly and not all(_is_unit(argument) for argument in config.args):
        _suite.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real processes take longest: they go first, so that no parallel worker is left alone with them at the end."""
    items.sort(key=lambda item: "acceptance" not in item.path.parts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that pages were not tested in a browser."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "browser" in report.keywords]
    if skipped:
        line = f"NO BROWSER ON THIS MACHINE: {len(skipped)} tests of pages were skipped. `make browser` installs one."
        terminalreporter.write_sep("!", line, red=True, bold=True)


def _is_unit(argument: str) -> bool:
    path = (Path.cwd() / argument.partition("::")[0]).resolve()
    return path.is_relative_to(_ROOT / "tests" / "unit")
