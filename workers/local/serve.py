"""`python -m workers.local.serve postgres|valkey`: this process becomes the embedded server, for a supervisor."""

import os
import sys
from pathlib import Path

from workers.local.exceptions import LocalStackError
from workers.local.postgres import PostgresServer
from workers.local.server import EmbeddedServer
from workers.local.valkey import ValkeyServer


def server(name: str) -> EmbeddedServer:
    """The server that the environment describes: CEF_DATA_HOME, CEF_POSTGRES_PORT, CEF_VALKEY_PORT."""
    home = Path(os.environ["CEF_DATA_HOME"])
    if name == "postgres":
        return PostgresServer(home / name, int(os.environ["CEF_POSTGRES_PORT"]))
    if name == "valkey":
        return ValkeyServer(home / name, int(os.environ["CEF_VALKEY_PORT"]))
    raise LocalStackError(f"There is no embedded server named {name!r}; there are postgres and valkey.")


if __name__ == "__main__":
    try:
        server(sys.argv[1]).become()
    except LocalStackError as error:
        sys.exit(str(error))
