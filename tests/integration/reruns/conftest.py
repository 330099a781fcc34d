"""Alice's workspace, and a worker process's engine."""

from tests.integration.engine.conftest import _quick, host, hosts, support, tools

__all__ = ["_quick", "host", "hosts", "support", "tools"]
