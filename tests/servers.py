"""The suite's own PostgreSQL and Valkey: one pair for all parallel workers, gone when the suite is, however it ends."""

import base64
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import psutil

from workers.local.folders import make_folder
from workers.local.postgres import PostgresServer
from workers.local.valkey import ValkeyServer

_PREFIX = "cef-tests-"


class SuiteServers:
    """Chosen ports and passwords from the start, so that settings can load; processes only once `start` is called."""

    def __init__(self) -> None:
        _remove_left_behind()
        self.folder = make_folder(Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")))
        self.postgres = PostgresServer(self.folder / "postgres", fsync=False)
        self.valkey = ValkeyServer(self.folder / "valkey", persistent=False)

    def environment(self) -> dict[str, str]:
        """What every process of the suite needs to load `config.settings.test`."""
        return {
            "SECRET_KEY": secrets.token_urlsafe(32),
            "CEF_ENCRYPTION_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "CEF_API_KEY_PEPPER": secrets.token_urlsafe(32),
            "CEF_PUBLIC_URL": "http://testserver",
            "CEF_LIVE_URL": "http://live.testserver",
            "DATABASE_URL": self.postgres.owner_url,
            "DATABASE_OWNER_URL": self.postgres.owner_url,
            "REDIS_URL": self.valkey.url,
            "STATIC_ROOT": str(make_folder(self.folder / "static")),
        }

    def start(self) -> None:
        """Both servers die with this process, also after SIGKILL."""
        self.postgres.start(dies_with_parent=True)
        self.valkey.start(dies_with_parent=True)

    def stop(self) -> None:
        """End both and remove their data."""
        self.valkey.kill()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_left_behind() -> None:
    """Data of a suite that was killed: its folder names the process that is no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)) and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)
