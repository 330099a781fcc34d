"""Bring the database and the static files to the state that this code needs."""

import subprocess
import sys
from collections.abc import Mapping

from workers.local.exceptions import LocalStackError
from workers.local.folders import PROJECT
from workers.local.migrations import database_is_newer


def prepare(environment: Mapping[str, str]) -> None:
    """Migrate as the tables' owner and collect static files, side by side; raises LocalStackError."""
    unknown = database_is_newer(environment["DATABASE_URL"])
    if unknown:
        raise LocalStackError(f"The database is newer than this code: it has {', '.join(unknown)}. Update the code.")
    owner = dict(environment) | {"DJANGO_SETTINGS_MODULE": "config.settings.owner"}
    static = _python("manage.py", "collectstatic", "--no-input", "--verbosity=0", environment=environment)
    schema = _python("-m", "workers.local.schema", environment=owner)
    _require(schema, "The migrations failed")
    _require(static, "Collecting the static files failed")


def _python(*arguments: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=PROJECT,
        env=dict(environment),
        text=True,
    )


def _require(process: subprocess.Popen[str], failure: str) -> None:
    output, _ = process.communicate()
    if process.returncode != 0:
        raise LocalStackError(f"{failure}:\n{output.strip()}")
