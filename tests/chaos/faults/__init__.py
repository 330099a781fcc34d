"""The faults that strike while the load goes on; those that need a world of their own are in `scenarios`."""

from typing import Final

from tests.chaos.faults.fault import Fault
from tests.chaos.faults.postgres import POSTGRES_FAULTS
from tests.chaos.faults.redis import REDIS_FAULTS
from tests.chaos.faults.web import WEB_FAULTS
from tests.chaos.faults.workers import WORKER_FAULTS

__all__ = ["FAULTS", "Fault"]

FAULTS: Final = (*WORKER_FAULTS, *REDIS_FAULTS, *POSTGRES_FAULTS, *WEB_FAULTS)
