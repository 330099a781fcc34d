"""The arms. How each is set up is said in arms/, where its own code is."""

import httpx

from benchmarks.peers.arm import ARMS, Arm, InProcess, Served
from benchmarks.peers.child import Child
from benchmarks.peers.database import database_url
from benchmarks.peers.line import About
from benchmarks.peers.load import Load
from benchmarks.peers.ours import Cef, CefStream
from workers.local.ports import HOST, free_port
from workers.local.private import wait_for


class PydanticAi(InProcess):
    """pydantic-ai alone."""

    about = About("pydantic-ai", over_http=False, durable=False, packages=("pydantic-ai-slim",))
    module = "alone"


class Dbos(InProcess):
    """pydantic-ai with its own support for DBOS, and DBOS's queue."""

    about = About("dbos", over_http=False, durable=True, packages=("pydantic-ai-slim", "dbos"))
    module = "dbos_queue"


class LangGraph(InProcess):
    """LangGraph with its PostgreSQL checkpointer."""

    about = About("langgraph", over_http=False, durable=True, packages=("langgraph", "langgraph-checkpoint-postgres"))
    module = "langgraph_library"


class Agno(Served):
    """AgentOS under uvicorn, with its durable queue; each process is a replica with a port of its own."""

    about = About("agno", over_http=True, durable=True, packages=("agno", "fastapi", "uvicorn"))

    def start(self) -> None:
        environment = {"PEER_DATABASE_URL": database_url(self.stack.postgres, self.about.name)}
        if self.options.processes > 1:
            environment["PEER_REDIS_URL"] = self.stack.valkey.url
        addresses = [self._replica(environment) for _ in range(self.options.processes)]
        self.spawn_client("agno_client", PEER_URLS=" ".join(addresses))

    def _replica(self, environment: dict[str, str]) -> str:
        port = free_port()
        flags = ("--host", HOST, "--port", str(port), "--log-level", "warning", "--no-access-log")
        server = Child(self.stack.folder, "uvicorn", *flags, f"{ARMS}.agno_app:app", environment=environment)
        self.servers.append(server)
        wait_for(lambda: _answers(f"http://{HOST}:{port}/health"), "agno", server.log)
        return f"http://{HOST}:{port}"


class Celery(Served):
    """Raw Celery: no agent at all."""

    about = About("celery", over_http=False, durable=False, packages=("celery", "kombu", "redis"))

    def takes(self, load: Load) -> bool:
        return load.model_latency_s == 0

    def start(self) -> None:
        environment = {"PEER_REDIS_URL": self.stack.valkey.url}
        flags = (
            "worker",
            "-c",
            str(self.options.processes),
            "--without-mingle",
            "--without-gossip",
            "--loglevel",
            "WARNING",
        )
        self.servers.append(
            Child(self.stack.folder, "celery", "-A", f"{ARMS}.celery_app", *flags, environment=environment)
        )
        self.spawn_client("celery_client", **environment)


PEERS: dict[str, type[Arm]] = {
    arm.about.name: arm for arm in (PydanticAi, Dbos, LangGraph, Agno, Celery, Cef, CefStream)
}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False
