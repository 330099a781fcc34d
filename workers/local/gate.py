"""`python -m workers.local.gate postgres|redis|both COMMAND…`: wait for what a process needs, then become it."""

import os
import shutil
import sys

from workers.local.exceptions import NotReady
from workers.local.processes import die_with_parent
from workers.local.readiness import await_postgres, await_redis

_PATIENCE_S = 60.0


def wait(needs: str) -> None:
    """Until DATABASE_URL and REDIS_URL answer, as needed; raises NotReady."""
    if needs in {"postgres", "both"}:
        await_postgres(os.environ["DATABASE_URL"], _PATIENCE_S)
    if needs in {"redis", "both"}:
        await_redis(os.environ["REDIS_URL"], _PATIENCE_S)


def become(command: list[str]) -> None:
    """Turn this process into the command, which ends when its supervisor does."""
    die_with_parent()
    program = shutil.which(command[0])
    if program is None:
        sys.exit(f"{command[0]} is not installed here; run `make` again or see `make doctor`.")
    os.execv(program, command)  # noqa: S606


if __name__ == "__main__":
    try:
        wait(sys.argv[1])
    except NotReady as error:
        sys.exit(f"Not started: {error}")
    become(sys.argv[2:])
