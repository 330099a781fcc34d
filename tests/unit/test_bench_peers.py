"""What `make bench-peers` prints and takes; the peers themselves are not needed."""

import asyncio
import json

import pytest

from benchmarks.peers.arm import shares, together
from benchmarks.peers.line import About, line
from benchmarks.peers.load import Load, Measured, drive
from benchmarks.peers.options import ARMS, read_options
from benchmarks.peers.peers import PEERS

ABOUT = About("dbos", over_http=False, durable=True, packages=("dbos",))


def test_a_measurement_is_one_json_line() -> None:
    measured = Measured([0.01, 0.02, 0.03, 0.05], elapsed_s=0.1)

    printed = line(ABOUT, Load(2, 4, 0.25), measured, cpu_s=0.02, versions={"dbos": "3.4.0"})

    assert "\n" not in printed
    assert json.loads(printed) == {
        "bench": "peers",
        "arm": "dbos",
        "runs": 4,
        "clients": 2,
        "model_latency_s": 0.25,
        "runs_per_s": 40.0,
        "p50_ms": 25.0,
        "p95_ms": 50.0,
        "cpu_ms_per_run": 5.0,
        "over_http": False,
        "durable": True,
        "versions": {"dbos": "3.4.0"},
    }


def test_unless_told_all_arms_run_both_loads() -> None:
    options = read_options([])

    assert options.arms == ARMS
    assert options.loads == (Load(16, 300, 0.0), Load(50, 300, 0.25))
    assert (options.rounds, options.processes) == (3, 1)


def test_options_are_read() -> None:
    words = "--arms cef dbos --clients 1 --runs 10 --model-latency 0.5 --rounds 2 --processes 2"

    options = read_options(words.split())

    assert options.arms == ("cef", "dbos")
    assert options.loads == (Load(1, 10, 0.5),)
    assert (options.rounds, options.processes) == (2, 2)


@pytest.mark.parametrize("words", ["--arms temporal", "--runs 0", "--clients -1", "--model-latency x", "--rounds 0.5"])
def test_nonsense_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        read_options(words.split())

    assert refused.value.code == 2
    assert words.split()[0] in capsys.readouterr().err


def test_every_arm_of_the_command_line_is_there() -> None:
    assert tuple(PEERS) == ARMS


def test_processes_share_a_load_without_a_rest() -> None:
    assert shares(Load(5, 11, 0.0), 2) == [Load(2, 5, 0.0), Load(3, 6, 0.0)]


def test_processes_that_worked_at_once_are_one_measurement() -> None:
    assert together([Measured([0.1, 0.3], 1.0), Measured([0.2], 1.5)]) == Measured([0.1, 0.2, 0.3], 1.5)


async def _right(latency_s: float) -> str:
    return "The answer is 42."


async def _wrong(latency_s: float) -> str:
    return "The answer is 41."


def test_clients_do_all_runs_between_them() -> None:
    measured = asyncio.run(drive(_right, Load(clients=3, runs=10, model_latency_s=0.0)))

    assert len(measured.latencies_s) == 10
    assert measured.latencies_s == sorted(measured.latencies_s)


def test_a_wrong_answer_ends_the_benchmark() -> None:
    with pytest.raises(ExceptionGroup) as ended:
        asyncio.run(drive(_wrong, Load(clients=1, runs=5, model_latency_s=0.0)))

    assert str(ended.value.exceptions[0]) == "A wrong answer: The answer is 41."
