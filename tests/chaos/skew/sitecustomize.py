"""Put first on PYTHONPATH, this makes a process believe that it is another time."""

import os
import time

_SKEW_S = float(os.environ.get("CHAOS_SKEW_SECONDS", "0"))
_time, _time_ns = time.time, time.time_ns

time.time = lambda: _time() + _SKEW_S
time.time_ns = lambda: _time_ns() + int(_SKEW_S * 1e9)
