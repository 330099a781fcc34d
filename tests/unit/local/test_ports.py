"""Ports move aside when taken and never collide with each other."""

import socket
from collections.abc import Iterator

import pytest

from workers.local.environment import PORTS, choose_ports
from workers.local.exceptions import LocalStackError
from workers.local.ports import HOST, first_free, free_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_kept() -> None:
    port = free_port()
    assert is_free(port)
    assert first_free(port) == port


def test_a_taken_port_moves_to_the_next_free_one(taken: int) -> None:
    assert not is_free(taken)
    moved = first_free(taken)
    assert moved > taken
    assert is_free(moved)


def test_a_port_that_another_server_will_use_is_not_chosen() -> None:
    port = free_port()
    assert first_free(port, {port}) != port


def test_a_moved_port_does_not_take_the_wish_of_another_server(taken: int) -> None:
    ports, moved = choose_ports({"CEF_WEB_PORT": str(taken), "CEF_LIVE_PORT": str(taken + 1)})
    assert len(set(ports.values())) == len(PORTS)
    assert ports["CEF_LIVE_PORT"] == taken + 1 or not is_free(taken + 1)
    assert ("CEF_WEB_PORT", taken) in [(move.name, move.wished) for move in moved]


@pytest.mark.parametrize("wish", ["web", "0", "70000", "-1", "80.5"])
def test_an_odd_port_is_refused(wish: str) -> None:
    with pytest.raises(LocalStackError, match="CEF_WEB_PORT must be a port number"):
        choose_ports({"CEF_WEB_PORT": wish})
