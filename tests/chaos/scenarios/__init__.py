"""Faults that are played as scenarios, by their number in the table."""

from typing import Final

from tests.chaos.scenarios.full import FULL_SCENARIO
from tests.chaos.scenarios.poison import POISON_SCENARIO
from tests.chaos.scenarios.redis import REDIS_SCENARIOS
from tests.chaos.scenarios.scenario import Scenario, Unplayable

__all__ = ["SCENARIOS", "Scenario", "Unplayable"]

SCENARIOS: Final = {scenario.number: scenario for scenario in (*REDIS_SCENARIOS, POISON_SCENARIO, FULL_SCENARIO)}
