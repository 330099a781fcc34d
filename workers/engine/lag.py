"""How late the loop runs what is due: the first sign of code that blocks it."""

import asyncio
import logging
from collections import deque
from typing import Final

logger = logging.getLogger(__name__)

EVERY_SECONDS: Final = 0.05
ALARM_SECONDS: Final = 0.25
KEPT: Final = 20_000


class LagMeter:
    """Samples the loop's lag twenty times a second and keeps the last quarter of an hour."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Sample until cancelled; a lag above 250 ms is logged as it happens, all others in the summary."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                due = loop.time() + EVERY_SECONDS
                await asyncio.sleep(EVERY_SECONDS)
                self._note(max(loop.time() - due, 0.0))
        finally:
            logger.info("The loop's lag.", extra={"p50_ms": self.quantile_ms(0.5), "p99_ms": self.quantile_ms(0.99)})

    def quantile_ms(self, quantile: float) -> float:
        """The lag that this share of the samples stays below, in milliseconds."""
        ordered = sorted(self._samples)
        return round(ordered[int(len(ordered) * quantile)] * 1000, 1) if ordered else 0.0

    def _note(self, lag: float) -> None:
        self._samples.append(lag)
        if lag > ALARM_SECONDS:
            logger.warning("Something blocks the loop.", extra={"lag_ms": round(lag * 1000)})
