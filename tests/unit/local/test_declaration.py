"""Procfile, docker-compose.yml and the supervisor run the same processes with the same words."""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from workers.local.declaration import PLATFORM, PROCESSES, SERVERS, procfile
from workers.local.environment import DEFAULTS, PORTS
from workers.local.folders import PROJECT
from workers.local.home import Home
from workers.local.supervisor import configuration

_EVERYTHING = {
    **DEFAULTS,
    **{name: str(port) for name, port in PORTS.items()},
    "CEF_BIND": "127.0.0.1",
    "CEF_BEAT_SCHEDULE": "/x/beat-schedule",
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    document = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    return document["services"]


def test_the_procfile_says_what_is_declared() -> None:
    assert (PROJECT / "Procfile").read_text() == procfile()


def test_compose_runs_every_process_of_the_platform_and_real_servers(services: dict[str, Any]) -> None:
    assert set(services) == {process.name for process in PLATFORM} | {"postgres", "redis", "migrate"}


@pytest.mark.parametrize("process", PLATFORM, ids=lambda process: process.name)
def test_compose_runs_the_declared_command(services: dict[str, Any], process: Any) -> None:
    command = re.sub(r"\$\{(\w+):-[^}]*\}", r"$\1", services[process.name]["command"])
    assert command.split() == process.command.split()


@pytest.mark.parametrize("process", PLATFORM, ids=lambda process: process.name)
def test_compose_waits_as_long_for_the_end_as_is_declared(services: dict[str, Any], process: Any) -> None:
    assert services[process.name]["stop_grace_period"] == f"{process.stop_seconds}s"


def test_compose_has_no_default_secret_and_a_check_of_every_service(services: dict[str, Any]) -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|KEYS|PEPPER|TOKEN)\w*)([^}]*)\}", text)
    assert secrets
    assert {rest for _, rest in secrets} == {":?"}
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["migrate"]


def test_the_example_names_every_required_variable() -> None:
    required = set(re.findall(r"\$\{(\w+):\?\}", (PROJECT / "docker-compose.yml").read_text()))
    example = set(re.findall(r"^(\w+)=", (PROJECT / "deploy" / "compose.env.example").read_text(), re.MULTILINE))
    assert required == example


def test_the_supervisor_restarts_every_process_and_starts_servers_first(tmp_path: Path) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(Home(tmp_path), PROCESSES, _EVERYTHING))
    programs = {name.removeprefix("program:"): parser[name] for name in parser if name.startswith("program:")}
    assert list(programs) == [process.name for process in PROCESSES]
    assert {program["autorestart"] for program in programs.values()} == {"true"}
    assert {name for name, program in programs.items() if program["autostart"] == "true"} == {
        process.name for process in SERVERS
    }
    assert programs["runs"]["command"].endswith(
        "workers.local.gate both celery -A config worker --without-mingle --without-gossip "
        "-Q runs -n runs@%%h -P threads -c 500 --disable-prefetch"
    )


def test_the_supervisors_file_holds_no_secret(tmp_path: Path) -> None:
    text = configuration(Home(tmp_path), PROCESSES, _EVERYTHING | {"SECRET_KEY": "open-sesame"})
    assert "open-sesame" not in text


def test_a_variable_that_is_not_set_is_an_error() -> None:
    with pytest.raises(KeyError, match="CEF_RUN_SLOTS"):
        next(process for process in PROCESSES if process.name == "runs").words({})
