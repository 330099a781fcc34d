"""What the doctor concludes from logs, states and addresses."""

from datetime import datetime
from pathlib import Path

from workers.local import health, machine
from workers.local.findings import Verdict
from workers.local.home import Home
from workers.local.ports import free_port
from workers.local.supervisor import ProcessState

_NOW = datetime(2026, 11, 23, 12, 0, 0)
_LOG = """\
2026-11-23 11:50:00,123 INFO exited: batch (exit status 1; not expected)
2026-11-23 11:58:00,123 INFO exited: batch (exit status 1; not expected)
2026-11-23 11:58:01,123 INFO spawned: 'batch' with pid 12
2026-11-23 11:58:59,123 WARN exited: batch (terminated by SIGKILL; not expected)
2026-11-23 11:59:00,123 INFO exited: beat (exit status 0; expected)
"""


def test_only_recent_unasked_ends_are_counted(tmp_path: Path) -> None:
    log = tmp_path / "supervisord.log"
    log.write_text(_LOG)
    assert health.recent_deaths(log, _NOW) == {"batch": 2}


def test_no_log_means_no_deaths(tmp_path: Path) -> None:
    assert health.recent_deaths(tmp_path / "none", _NOW) == {}


def test_a_process_that_does_not_stay_up_is_wrong_and_its_log_is_shown(tmp_path: Path) -> None:
    (tmp_path / "batch.log").write_text("Traceback\nImportError: no such thing\n")
    states = [
        ProcessState("web", "RUNNING", 11, 60, str(tmp_path / "web.log")),
        ProcessState("batch", "FATAL", 0, 0, str(tmp_path / "batch.log")),
    ]
    web, batch = health.processes(Home(tmp_path), states)
    assert (web.verdict, web.message) == (Verdict.FINE, "up for 60 s, process 11")
    assert batch.verdict is Verdict.WRONG
    assert batch.message.endswith("ImportError: no such thing")


def test_servers_that_do_not_answer_are_wrong_and_passwords_are_not_told() -> None:
    port = free_port()
    doorbell = health.doorbell(f"redis://:hush@127.0.0.1:{port}/0")
    [database] = health.database(f"postgresql://me:hush@127.0.0.1:{port}/cef")
    assert {doorbell.verdict, database.verdict} == {Verdict.WRONG}
    assert f"127.0.0.1:{port}" in doorbell.message
    assert "hush" not in doorbell.message + database.message


def test_this_python_is_new_enough() -> None:
    assert machine.python().verdict is Verdict.FINE
