"""A TCP proxy that can fail: hold everything or one direction back, delay, reset.

What is held back is delivered when the fault ends, as TCP delivers it after a partition. All methods that change the
fault may be called from other threads.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

Address = tuple[str, int]

_CHUNK = 65_536


class Way(StrEnum):
    """Which direction a fault hits."""

    UP = "up"  # from the client to the server
    DOWN = "down"
    BOTH = "both"


class Proxy:
    """Listens on a port of its own and passes on to wherever `target` points at the moment of a connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Callable[[], Address]) -> None:
        self._loop, self._target = loop, target
        self._open = {Way.UP: asyncio.Event(), Way.DOWN: asyncio.Event()}
        self._delay_s = 0.0
        self._links: set[asyncio.StreamWriter] = set()
        self.port = 0
        for gate in self._open.values():
            gate.set()

    async def listen(self) -> "Proxy":
        """Begin to accept."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return self

    def hold(self, way: Way = Way.BOTH) -> None:
        """Pass nothing on, in this direction or in both, until `heal`."""
        self._call(lambda: [gate.clear() for each, gate in self._open.items() if way in (each, Way.BOTH)])

    def delay(self, seconds: float) -> None:
        """Pass everything on that much later, until `heal`."""
        self._call(lambda: setattr(self, "_delay_s", seconds))

    def reset(self) -> None:
        """Break every connection with RST; new ones are accepted."""
        self._call(lambda: [_reset(link) for link in list(self._links)])

    def heal(self) -> None:
        """Pass on what was held back, and be a plain proxy again."""
        self._call(self._heal)

    def _heal(self) -> None:
        self._delay_s = 0.0
        for gate in self._open.values():
            gate.set()

    def _call(self, change: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(change)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open[Way.UP].wait()
        try:
            to_reader, to_writer = await asyncio.open_connection(*self._target())
        except OSError:
            _reset(writer)
            return
        self._links |= {writer, to_writer}
        try:
            up = self._pump(reader, to_writer, Way.UP)
            await asyncio.gather(up, self._pump(to_reader, writer, Way.DOWN))
        finally:
            self._links -= {writer, to_writer}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Way) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._open[way].wait()
                sink.write(data)
                await sink.drain()
        # The end of a stream travels as late as its bytes: a peer behind a partition does not see it either.
        await self._open[way].wait()
        with suppress(OSError):
            sink.close()


def _reset(link: asyncio.StreamWriter) -> None:
    """Close without lingering, which sends RST and not FIN."""
    with suppress(OSError):
        link.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.transport.abort()
