"""What a supervisor does: starts a process again when it has ended, and remembers how it ended."""

import threading
from collections.abc import Callable
from subprocess import Popen
from typing import Self

_LOOK_SECONDS = 0.1


class Keeper:
    """Keeps processes alive, each made by its `start`, until the end of the `with` block."""

    def __init__(self, **starts: Callable[[], "Popen[bytes]"]) -> None:
        self._starts = starts
        self._processes = {name: start() for name, start in starts.items()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.exits: dict[str, list[int]] = {name: [] for name in starts}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            for name, process in self._processes.items():
                code = process.poll()
                if code is not None:
                    self.exits[name].append(code)
                    self._processes[name] = self._starts[name]()
