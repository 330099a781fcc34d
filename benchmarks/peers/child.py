"""Processes of the peers' environment: start, ask, count their CPU, end."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil

from benchmarks.peers.environment import PYTHON
from benchmarks.peers.load import Load, Measured
from workers.local.private import ROOT
from workers.local.processes import die_with_parent, end, tail

_SILENT = {"AGNO_TELEMETRY": "false", "LANGSMITH_TRACING": "false", "NO_COLOR": "1"}


class Child:
    """`python -m module …` in the peers' environment, in a process group of its own; what it prints goes to a log."""

    def __init__(self, folder: Path, module: str, *arguments: str, environment: Mapping[str, str]) -> None:
        self.log = folder / f"{module}.log"
        self._start([str(PYTHON), "-m", module, *arguments], environment)

    def cpu_seconds(self) -> float:
        """Of the process and those it started."""
        process = psutil.Process(self._process.pid)
        times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))

    def stop(self) -> None:
        """End it and whatever it started."""
        end(self._process, signal.SIGTERM)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _start(self, command: list[str], environment: Mapping[str, str], *, speaks: bool = False) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={"PATH": os.environ.get("PATH", os.defpath), **_SILENT, **environment},
                stdin=subprocess.PIPE if speaks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if speaks else log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_parent,
            )


class Speaking(Child):
    """One that takes a `Load` a line and answers each with a `Measured` (arms/serving.py)."""

    def await_ready(self) -> None:
        """Return when it has said that it is ready; raises RuntimeError with its last words when it ended instead."""
        self._hear()

    def begin(self, load: Load) -> None:
        """Let it work; `finish` waits for the end."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(load)).encode() + b"\n")
        self._process.stdin.flush()

    def finish(self) -> Measured:
        """What it measured."""
        return Measured(**json.loads(self._hear()))

    def stop(self) -> None:
        """Tell it that nothing more comes, and end it."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        super().stop()

    def _start(self, command: list[str], environment: Mapping[str, str], *, speaks: bool = True) -> None:
        super()._start(command, environment, speaks=speaks)

    def _hear(self) -> str:
        assert self._process.stdout is not None
        said = self._process.stdout.readline().decode()
        if not said:
            raise RuntimeError(f"{self.log.stem} ended:\n{tail(self.log, 30)}")
        return said
