"""The peers' own virtual environment, .venv-peers, made from their hashed lock when that changes."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from workers.local.private import ROOT

VENV = ROOT / ".venv-peers"
PYTHON = VENV / "bin" / "python"
LOCK = Path(__file__).with_name("requirements.txt")


def prepare_environment() -> None:
    """Make the environment unless it is there and of this lock."""
    stamp = VENV / f".lock-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    if stamp.exists():
        return
    print(f"Installing {LOCK.relative_to(ROOT)} into {VENV.name} …", file=sys.stderr)
    _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(VENV))
    _uv("pip", "install", "--quiet", "--require-hashes", "--python", str(PYTHON), "-r", str(LOCK))
    stamp.touch()


def peer_versions(names: Iterable[str]) -> dict[str, str]:
    """Of these packages in the peers' environment."""
    folders = [str(folder) for folder in VENV.glob("lib/python*/site-packages")]
    installed = {found.name.lower(): found.version for found in distributions(path=folders)}
    return {name: installed[name] for name in names}


def _uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True)
