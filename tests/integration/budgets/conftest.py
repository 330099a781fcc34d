"""Engines of a test's own, with short leases, as in the engine's tests."""

from tests.integration.engine.conftest import _quick, host, hosts, support, tools

__all__ = ["_quick", "host", "hosts", "support", "tools"]
