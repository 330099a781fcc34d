"""`python -m tests.chaos`: both arms under one seeded schedule. Exit code 1 when the engine breaks a promise."""

import argparse
import json
import sys
from pathlib import Path

from tests.chaos.options import Options
from tests.chaos.report import details, table
from tests.chaos.scenarios import SCENARIOS, Unplayable
from tests.chaos.schedule import schedule
from tests.chaos.trial import ARMS, run_arm


def main() -> int:
    """Print the schedule, run the arms, print the table and the JSON lines."""
    arguments = _arguments()
    options = Options(
        seed=arguments.seed,
        duration_s=arguments.duration,
        workers=arguments.workers,
        rate=arguments.rate,
        every_s=arguments.every,
        production_timings=arguments.production_timings,
        only=tuple(arguments.only),
        count=arguments.count,
        keep=arguments.keep,
    )
    scenario = SCENARIOS.get(arguments.only[0]) if len(arguments.only) == 1 and not arguments.as_schedule else None
    if scenario is None:
        _print_schedule(options)
    arms = arguments.arms if scenario is None else ["cef"]
    try:
        outcomes = [run_arm(name, options, say=_say, scenario=scenario) for name in arms]
    except Unplayable as reason:
        print(f"!!! SKIPPED {scenario.name if scenario else ''}: {reason}")
        return 0
    for outcome in outcomes:
        print(details(outcome))
    print(table(outcomes))
    for outcome in outcomes:
        print(json.dumps(outcome.line()))
    return 0 if all(outcome.held for outcome in outcomes if outcome.arm != "control") else 1


def _print_schedule(options: Options) -> None:
    print(f"seed {options.seed}, {options.duration_s:g} s for each arm, {options.workers} workers")
    for blow in schedule(options, [f"runs{n}" for n in range(options.workers)]):
        print(blow)


def _say(text: str) -> None:
    print(text, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--duration", type=float, default=300, help="seconds under faults, of each arm")
    parser.add_argument("--arms", nargs="+", choices=sorted(ARMS), default=["cef", "control"])
    parser.add_argument("--workers", type=int, default=4, help="`runs` processes")
    parser.add_argument("--rate", type=float, default=4, help="runs submitted a second")
    parser.add_argument("--every", type=float, default=2, help="mean seconds between two faults")
    parser.add_argument("--count", type=int, help="so many faults at most")
    parser.add_argument("--only", type=int, nargs="+", default=[], help="numbers of the faults' table")
    parser.add_argument("--as-schedule", action="store_true", help="strike with --only at random, not as a scenario")
    parser.add_argument("--keep", type=Path, help="a folder for ledgers and logs")
    parser.add_argument("--production-timings", action="store_true", help="leases of 20 s instead of 4")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
