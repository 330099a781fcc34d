"""Make a PostgreSQL cluster in one step: either it is there with its roles and database, or it is not there."""

import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from workers.local.binaries import PostgresPrograms
from workers.local.exceptions import ServerDidNotStart
from workers.local.processes import run
from workers.local.unprivileged import Account

SUPERUSER = "postgres"
OWNER = "cef_owner"
APP = "cef_app"
DATABASE = "cef"

_ROLES_AND_DATABASE = f"""
CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{{owner}}'
CREATE ROLE {APP} LOGIN PASSWORD '{{app}}'
CREATE EXTENSION vector
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP}
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {APP}
CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template1
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC
GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {APP}
"""


@dataclass(frozen=True)
class Passwords:
    """Of the three roles; they lie beside the cluster in a file that only its owner reads."""

    superuser: str
    owner: str
    app: str


def passwords(file: Path) -> Passwords:
    """Those in the file, or new ones, written there with mode 0600."""
    try:
        return Passwords(**json.loads(file.read_text()))
    except FileNotFoundError:
        fresh = Passwords(*(secrets.token_urlsafe(24) for _ in range(3)))
        write_private(file, json.dumps(asdict(fresh)))
        return fresh


def write_private(file: Path, text: str) -> None:
    """Write a file of mode 0600 at once: a reader sees the old text or the new, never a part."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    draft.replace(file)


def create_cluster(
    folder: Path, programs: PostgresPrograms, known: Passwords, *, account: Account | None, fsync: bool
) -> None:
    """Build the cluster beside its place and move it there when it is complete.

    A start-up that was cut short leaves only a draft, which the next one removes. The roles, the database and the
    extension are made in single-user mode, so that no half-made server ever listens. `vector` is laid into template1,
    because only a superuser may create it and every test database needs it.
    """
    for draft in folder.parent.glob(f"{folder.name}.*.new"):
        shutil.rmtree(draft)
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.new")
    draft.mkdir(mode=0o700)
    if account is not None:
        account.own(draft)
    _initdb(draft, programs, known.superuser, account=account, fsync=fsync)
    _single_user(draft, programs, _ROLES_AND_DATABASE.format(owner=known.owner, app=known.app), account=account)
    draft.rename(folder)


def _initdb(draft: Path, programs: PostgresPrograms, password: str, *, account: Account | None, fsync: bool) -> None:
    password_file = draft.with_suffix(".password")
    write_private(password_file, password)
    if account is not None:
        account.own(password_file)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if programs.major > 16 else []
    command = [programs.initdb, "-D", str(draft), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", *locale]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", *([] if fsync else ["--no-sync"])]
    try:
        answer = run(command, account=account)
    finally:
        password_file.unlink()
    if answer.returncode != 0:
        raise ServerDidNotStart(f"initdb failed:\n{answer.stderr.strip() or answer.stdout.strip()}")


def _single_user(draft: Path, programs: PostgresPrograms, statements: str, *, account: Account | None) -> None:
    """Each line is one statement; the first that fails ends the session with an error."""
    command = [programs.postgres, "--single", "-D", str(draft), "-c", "exit_on_error=on", "template1"]
    answer = run(command, account=account, text=statements.strip() + "\n")
    if answer.returncode != 0:
        raise ServerDidNotStart(f"The roles and the database could not be made:\n{answer.stderr.strip()}")
