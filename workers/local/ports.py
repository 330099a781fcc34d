"""Ports of the loopback interface: which are free, and where to move when one is taken."""

import socket
from collections.abc import Container

HOST = "127.0.0.1"
_SEARCH = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Any free port, chosen by the system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def first_free(preferred: int, taken: Container[int] = ()) -> int:
    """The preferred port, or the next free one above it that is not in `taken`."""
    for port in range(preferred, min(preferred + _SEARCH, 65536)):
        if port not in taken and is_free(port):
            return port
    return free_port()
