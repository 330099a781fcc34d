"""Processes of a stack whose supervisor is gone: found by the stack's id in their environment, ended, never others."""

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil

_PATIENCE_S = 15.0


def processes_of(stack_id: str) -> Iterator[psutil.Process]:
    """Live processes that carry this stack's id, without the present one and those that wait for it."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            if process.pid not in spared and process.environ().get("CEF_STACK_ID") == stack_id:
                yield process
        except psutil.Error:
            continue


def end_all(stack_id: str) -> int:
    """End what is left of the stack and return how many processes that were."""
    found = list(processes_of(stack_id))
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=_PATIENCE_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_PATIENCE_S)
    return len(found)
