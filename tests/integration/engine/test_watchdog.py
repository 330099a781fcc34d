"""A process whose loop stands still ends; one whose loop turns does not."""

import subprocess
import sys

PROGRAM = """
import asyncio, sys, threading, time
from django.conf import settings
settings.configure(CEF_STALL_SECONDS=1.0)
from workers.engine.watchdog import Watchdog

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
dog = Watchdog(loop)
dog.start()
{deed}
dog.close()
print("left")
"""


def outcome(deed: str) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(deed=deed)], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout.strip(), done.stderr


def test_a_turning_loop_is_left_alone() -> None:
    assert outcome("time.sleep(2.5)")[:2] == (0, "left")


def test_code_that_blocks_the_loop_ends_the_process_and_is_shown() -> None:
    code, printed, dumped = outcome("loop.call_soon_threadsafe(time.sleep, 20); time.sleep(20)")
    assert (code, printed) == (70, "")
    assert "run_forever" in dumped


def test_a_loop_that_has_ended_ends_the_process() -> None:
    assert outcome("loop.call_soon_threadsafe(loop.stop); time.sleep(20)")[:2] == (70, "")


def test_a_short_block_is_forgiven() -> None:
    assert outcome("loop.call_soon_threadsafe(time.sleep, 0.7); time.sleep(2.5)")[:2] == (0, "left")
