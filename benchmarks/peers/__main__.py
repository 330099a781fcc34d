"""Others and we run the same small agent, each alone at its time, on one PostgreSQL: model -> tool -> model.

    make bench-peers
    python -m benchmarks.peers --arms langgraph cef --rounds 5 --clients 1 --model-latency 0

PostgreSQL keeps fsync on. Each arm's processes start, warm up, work through every load and stop before the next arm
begins; with each round another arm begins. Only figures of one round may be compared. What a run's CPU counts: all
Python processes of the arm, without PostgreSQL, Valkey and, for arms that are served, the client.
"""

import sys
from dataclasses import replace

from benchmarks.peers.arm import Arm
from benchmarks.peers.database import rest
from benchmarks.peers.environment import prepare_environment
from benchmarks.peers.line import line
from benchmarks.peers.load import Load
from benchmarks.peers.options import Options, read_options
from benchmarks.peers.peers import PEERS
from workers.local.private import PrivateStack

_WARM_UP = 32


def main() -> None:
    """Start the servers, let each arm have its turns, print a line for each measurement."""
    options = read_options()
    prepare_environment()
    stack = PrivateStack(fsync=True)
    try:
        stack.start_servers()
        _rounds([PEERS[name](stack, options) for name in options.arms], options)
    finally:
        stack.stop()


def _rounds(arms: list[Arm], options: Options) -> None:
    for number in range(options.rounds):
        first = number % len(arms)
        for arm in (*arms[first:], *arms[:first]):
            print(f"round {number + 1}: {arm.about.name}", file=sys.stderr)
            _turn(arm, [load for load in options.loads if arm.takes(load)])


def _turn(arm: Arm, loads: list[Load]) -> None:
    try:
        arm.start()
        for load in loads:
            print(_measured(arm, load), flush=True)
    finally:
        arm.stop()


def _measured(arm: Arm, load: Load) -> str:
    arm.work(replace(load, runs=max(_WARM_UP, 2 * load.clients)))
    server = rest(arm.stack.postgres)
    cpu = arm.cpu_seconds()
    measured = arm.work(load)
    used = arm.cpu_seconds() - cpu
    return line(arm.about, load, measured, cpu_s=used, versions=arm.versions | {"postgresql": server})


if __name__ == "__main__":
    main()
