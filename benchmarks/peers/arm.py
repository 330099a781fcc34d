"""An arm as the benchmark sees it: start, let it work, count its CPU, stop."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

from benchmarks.peers.child import Child, Speaking
from benchmarks.peers.database import database_url
from benchmarks.peers.environment import peer_versions
from benchmarks.peers.line import About
from benchmarks.peers.load import Load, Measured
from benchmarks.peers.options import Options
from workers.local.private import PrivateStack

ARMS = "benchmarks.peers.arms"


class Arm(ABC):
    """One way to run the agent, on the servers of the stack."""

    about: ClassVar[About]

    def __init__(self, stack: PrivateStack, options: Options) -> None:
        self.stack = stack
        self.options = options
        self.clients: list[Speaking] = []

    @property
    def versions(self) -> dict[str, str]:
        """Of the packages that the arm is about."""
        return peer_versions(self.about.packages)

    def takes(self, load: Load) -> bool:
        """Whether this load says anything about the arm."""
        return True

    @abstractmethod
    def start(self) -> None:
        """Return when it can take runs."""

    def work(self, load: Load) -> Measured:
        """Do the runs."""
        for client, share in zip(self.clients, shares(load, len(self.clients)), strict=True):
            client.begin(share)
        return together([client.finish() for client in self.clients])

    @abstractmethod
    def cpu_seconds(self) -> float:
        """Of the arm's Python processes, so far; a load generator that has its own process is none of them."""

    def stop(self) -> None:
        """Leave no process behind."""
        for client in self.clients:
            client.stop()
        self.clients.clear()

    def spawn_client(self, module: str, **environment: str) -> None:
        """Start a process that does runs when told to, and wait until it can."""
        client = Speaking(self.stack.folder, f"{ARMS}.{module}", environment=environment)
        self.clients.append(client)
        client.await_ready()


class InProcess(Arm):
    """The clients are coroutines of the process that executes the runs; all of it counts.

    Several processes share the load, each like a replica of one application.
    """

    module: ClassVar[str]

    def start(self) -> None:
        for _ in range(self.options.processes):  # one after another: the first makes the tables
            self.spawn_client(self.module, PEER_DATABASE_URL=database_url(self.stack.postgres, self.about.name))

    def cpu_seconds(self) -> float:
        return sum(client.cpu_seconds() for client in self.clients)


class Served(Arm):
    """One client process, which does not count, and processes of the peer's that execute what it submits."""

    def __init__(self, stack: PrivateStack, options: Options) -> None:
        super().__init__(stack, options)
        self.servers: list[Child] = []

    def cpu_seconds(self) -> float:
        return sum(server.cpu_seconds() for server in self.servers)

    def stop(self) -> None:
        super().stop()
        for server in self.servers:
            server.stop()
        self.servers.clear()


def shares(load: Load, parts: int) -> list[Load]:
    """The load for each of so many processes."""
    return [
        replace(load, clients=_share(load.clients, parts, part), runs=_share(load.runs, parts, part))
        for part in range(parts)
    ]


def together(measured: list[Measured]) -> Measured:
    """What processes measured that worked at the same time."""
    latencies = sorted(latency for part in measured for latency in part.latencies_s)
    return Measured(latencies, max(part.elapsed_s for part in measured))


def _share(whole: int, parts: int, part: int) -> int:
    return (whole + part) // parts
