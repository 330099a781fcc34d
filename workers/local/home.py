"""The files of one embedded stack, below `.cef/` of the checkout or below CEF_HOME."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workers.local.folders import PROJECT, make_folder

_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Home:
    """Where everything of one stack lies; nothing is created by looking."""

    root: Path

    @property
    def credentials(self) -> Path:
        """Secrets, mode 0600."""
        return self.root / "credentials.json"

    @property
    def environment(self) -> Path:
        """Variables of the processes of the last start, mode 0600."""
        return self.root / "environment.json"

    @property
    def demo(self) -> Path:
        """E-mail, password and API key of the demo, mode 0600."""
        return self.root / "demo.json"

    @property
    def cli(self) -> Path:
        """Where the `cef` command finds this stack's address and key, mode 0600."""
        return self.root / "cli.json"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "log"

    @property
    def configuration(self) -> Path:
        """The supervisor's, written at each start."""
        return self.root / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        """Written by the supervisor."""
        return self.root / "supervisord.pid"

    @property
    def lock(self) -> Path:
        """Held while the stack is being started or stopped."""
        return self.root / "lock"

    @property
    def socket(self) -> Path:
        """The supervisor's; a socket's path is short by law, so a deep checkout has it in the temporary folder."""
        path = self.root / "supervisord.sock"
        if len(str(path)) <= _LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"cef-{os.geteuid()}-{name}.sock"

    def create(self) -> None:
        """Make the folders."""
        make_folder(self.root)
        make_folder(self.logs)


def home() -> Home:
    """Of the environment's CEF_HOME, or of this checkout."""
    return Home(Path(os.environ.get("CEF_HOME") or PROJECT / ".cef").resolve())
