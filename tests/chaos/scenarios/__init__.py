"""Faults that are played as scenarios, by their number in the table."""

from typing import Final

from tests.chaos.scenarios.full import FULL_SCENARIO
from tests.chaos.scenarios.memory import MEMORY_SCENARIO
from tests.chaos.scenarios.noisy import NOISY_SCENARIO
from tests.chaos.scenarios.poison import POISON_SCENARIO
from tests.chaos.scenarios.redis import REDIS_SCENARIOS
from tests.chaos.scenarios.scenario import Scenario, Unplayable
from tests.chaos.scenarios.slow import SLOW_SCENARIO

__all__ = ["SCENARIOS", "Scenario", "Unplayable"]

_ALL: Final = (*REDIS_SCENARIOS, SLOW_SCENARIO, POISON_SCENARIO, FULL_SCENARIO, MEMORY_SCENARIO, NOISY_SCENARIO)

SCENARIOS: Final = {scenario.number: scenario for scenario in _ALL}
