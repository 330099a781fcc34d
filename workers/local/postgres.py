"""The embedded PostgreSQL: the wheel's own `initdb` and `postgres`, unprivileged, on loopback TCP with scram."""

import fcntl
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from workers.local.binaries import PostgresPrograms, postgres_programs
from workers.local.cluster import APP, DATABASE, OWNER, SUPERUSER, Passwords, create_cluster, passwords
from workers.local.exceptions import AlreadyRunning
from workers.local.folders import make_folder
from workers.local.ports import HOST
from workers.local.readiness import await_postgres
from workers.local.server import EmbeddedServer

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer(EmbeddedServer):
    """A server on the cluster below `data_dir`, which the first start makes with its roles and database.

    With `fsync` off a power cut may lose the cluster: for tests.
    """

    name = "postgres"
    stop_signals = (signal.SIGINT, signal.SIGQUIT)

    def __init__(self, data_dir: Path, port: int | None = None, *, fsync: bool = True) -> None:
        super().__init__(data_dir, port)
        self._fsync = fsync
        self._cluster = data_dir / "cluster"

    @property
    def url(self) -> str:
        """Of the role that the platform runs as."""
        return self._url(APP, self._passwords().app)

    @property
    def owner_url(self) -> str:
        """Of the role that owns the tables: migrations and test databases."""
        return self._url(OWNER, self._passwords().owner)

    @property
    def superuser_url(self) -> str:
        """Of the cluster's superuser."""
        return self._url(SUPERUSER, self._passwords().superuser)

    def prepare(self) -> list[str]:
        """Make the cluster if it is not there and return the server's command line; raises AlreadyRunning."""
        make_folder(self.data_dir)
        with _locked(self.data_dir / "lock"):
            programs = self._programs()
            if not self._cluster.exists():
                create_cluster(self._cluster, programs, self._passwords(), account=self._account, fsync=self._fsync)
            self._clear_stale_pid()
        settings = _SETTINGS | {"port": str(self.port)} | ({} if self._fsync else _CARELESS)
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [programs.postgres, "-D", str(self._cluster), *flags]

    def await_answer(self, seconds: float, *, alive: Callable[[], bool]) -> None:
        """Return when the superuser can sign in."""
        await_postgres(self.superuser_url, seconds, alive=alive)

    def _passwords(self) -> Passwords:
        return passwords(make_folder(self.data_dir) / "passwords.json")

    def _url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@{HOST}:{self.port}/{DATABASE}"

    def _programs(self) -> PostgresPrograms:
        version = self._cluster / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        return postgres_programs(self.data_dir / "programs", self._account, major=major)

    def _clear_stale_pid(self) -> None:
        """Remove the pid file of a server that was killed.

        PostgreSQL believes the file when any process of its account has that number, which after a reboot may be
        Valkey; a live postmaster is known by its working directory, which is the cluster.
        """
        file = self._cluster / "postmaster.pid"
        if not file.exists():
            return
        pid = file.read_text().partition("\n")[0]
        if pid.isdigit() and _works_in(int(pid), self._cluster):
            raise AlreadyRunning(f"PostgreSQL already serves {self._cluster} (process {pid}).")
        file.unlink()


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(psutil.Process(pid).cwd()) == folder.resolve()
    except psutil.Error:
        return False


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process at a time prepares a cluster; the kernel frees the lock of one that died."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
