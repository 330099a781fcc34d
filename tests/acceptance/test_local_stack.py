"""The whole embedded stack: it starts, mends itself, refuses a twin, survives its supervisor's death, and goes away."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.waiting import eventually
from workers.local.credentials import credentials
from workers.local.declaration import PROCESSES
from workers.local.environment import PORTS
from workers.local.folders import PROJECT, make_folder
from workers.local.home import Home
from workers.local.leftovers import processes_of
from workers.local.ports import free_port
from workers.local.readiness import await_postgres

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]


class Stack:
    """The commands behind the Makefile, in a folder and on ports of their own."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "CEF_HOME": str(folder),
            "CEF_RUN_SLOTS": "10",
            "CEF_WEB_WORKERS": "1",
            "CEF_BATCH_PROCESSES": "1",
            **{name: str(free_port()) for name in PORTS},
        }

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "workers.local", *words],
            cwd=PROJECT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def start(self) -> None:
        answer = self.command("up", "--detach")
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def pids(self) -> dict[str, int]:
        answer = json.loads(self.command("status", "--json").stdout)
        return {row["name"]: row["pid"] for row in answer["processes"] if row["state"] == "RUNNING"}

    def members(self) -> list[psutil.Process]:
        return list(processes_of(credentials(self.home.credentials).stack_id))

    def database_url(self) -> str:
        environment: dict[str, str] = json.loads(self.home.environment.read_text())
        return environment["DATABASE_OWNER_URL"]


@pytest.fixture(scope="module")
def startable() -> Iterator[Stack]:
    stack = Stack(make_folder(Path(tempfile.mkdtemp(prefix="cef-stack-"))))
    yield stack
    stack.command("down")
    shutil.rmtree(stack.home.root)


@pytest.fixture
def stack(startable: Stack) -> Stack:
    """Running, whatever the test before this one did to it."""
    if not startable.home.credentials.exists() or not startable.members():
        startable.start()
    return startable


def test_every_declared_process_runs_and_the_doctor_is_content(stack: Stack) -> None:
    eventually(lambda: len(stack.pids()) == len(PROCESSES), within_s=60)
    await_postgres(stack.database_url(), 60)
    doctor = stack.command("doctor", "--json")
    verdicts = {finding["part"]: finding["verdict"] for finding in json.loads(doctor.stdout)["findings"]}
    assert {process.name for process in PROCESSES} <= set(verdicts)
    assert "wrong" not in verdicts.values(), doctor.stdout
    assert doctor.returncode == 0


def test_a_second_start_is_refused_in_words(stack: Stack) -> None:
    before = stack.pids()
    answer = stack.command("up")
    assert answer.returncode == 1
    assert "already running" in answer.stdout
    assert stack.pids() == before


def test_what_dies_is_started_again(stack: Stack) -> None:
    before = stack.pids()
    for name in ("valkey", "beat", "postgres"):
        os.kill(before[name], signal.SIGKILL)
    eventually(lambda: _reborn(stack.pids(), before, {"valkey", "beat", "postgres"}), within_s=60)


def test_the_supervisors_death_leaves_no_process_and_no_data_behind_or_lost(stack: Stack) -> None:
    await_postgres(stack.database_url(), 60)
    with psycopg.connect(stack.database_url()) as connection:
        connection.execute("CREATE TABLE survivor (n int)")
        connection.execute("INSERT INTO survivor VALUES (7)")
    members = stack.members()
    os.kill(int(stack.home.supervisor_pid.read_text()), signal.SIGKILL)
    _gone, alive = psutil.wait_procs(members, timeout=60)
    assert [process.cmdline() for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    stack.start()
    with psycopg.connect(stack.database_url()) as connection:
        assert connection.execute("SELECT n FROM survivor").fetchone() == (7,)


def test_down_leaves_no_process(stack: Stack) -> None:
    answer = stack.command("down")
    assert answer.returncode == 0, answer.stdout
    assert stack.members() == []
    assert stack.command("status").returncode == 1


def _reborn(now: dict[str, int], before: dict[str, int], names: set[str]) -> bool:
    return all(name in now and now[name] != before[name] for name in names)
