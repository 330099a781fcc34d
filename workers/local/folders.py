"""Where the stack keeps its data: `.cef/` of the checkout, or a folder that the servers' account can reach."""

import hashlib
import os
import tempfile
from pathlib import Path

from workers.local.exceptions import LocalStackError
from workers.local.unprivileged import Account, server_account

PROJECT = Path(__file__).resolve().parents[2]


def make_folder(folder: Path, *, mode: int = 0o711, account: Account | None = None) -> Path:
    """Create one folder with exactly this mode; folders above it keep theirs."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)
    if account is not None:
        account.own(folder)
    return folder


def data_home(home: Path) -> Path:
    """The folder for the servers' data of the stack at `home`, remembered in `home/data-home`.

    It is `home/data`, unless the servers' account cannot reach that (a checkout under /root): then a folder
    under /var/tmp, which outlives a reboot, named by the checkout's path.
    """
    remembered = home / "data-home"
    if remembered.exists():
        return _private(Path(remembered.read_text().strip()))
    folder = _private(_choose(home))
    remembered.write_text(f"{folder}\n")
    return folder


def _choose(home: Path) -> Path:
    account = server_account()
    make_folder(home)
    if account is None or account.may_traverse(home):
        return home / "data"
    name = "cef-" + hashlib.sha256(str(home).encode()).hexdigest()[:12]
    for base in (Path("/var/tmp"), Path(tempfile.gettempdir())):  # noqa: S108 - owner is checked below
        if base.is_dir() and account.may_traverse(base):
            return base / name
    raise LocalStackError(f"The account {account.name} can reach neither {home} nor /var/tmp; set TMPDIR.")


def _private(folder: Path) -> Path:
    """Create the folder, or refuse one that another user laid there before us."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise LocalStackError(f"{folder} belongs to another user; move it away and start again.")
    folder.chmod(0o711)
    return folder
