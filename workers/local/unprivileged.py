"""Whom the servers run as: PostgreSQL refuses root, so as root they become an account without rights."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

_CANDIDATES = ("cef", "nobody")


@dataclass(frozen=True)
class Account:
    """A system account that owns the servers' data and runs their processes."""

    name: str
    uid: int
    gid: int

    def may_traverse(self, folder: Path) -> bool:
        """Whether this account can enter the folder and every folder above it."""
        return all(self._allowed(step, 0o1) for step in (folder, *folder.parents) if step.exists())

    def may_execute(self, program: Path) -> bool:
        """Whether this account can read and execute the file where it lies."""
        return self.may_traverse(program.parent) and self._allowed(program, 0o5)

    def own(self, path: Path) -> None:
        """Give this one file or folder to the account."""
        os.chown(path, self.uid, self.gid)

    def become(self) -> None:
        """Turn the present process into this account; there is no way back."""
        os.setgroups([])
        os.setgid(self.gid)
        os.setuid(self.uid)

    def _allowed(self, path: Path, bits: int) -> bool:
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & bits == bits


def server_account() -> Account | None:
    """The account that servers drop to, or None when this process has no rights to drop."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    return None
