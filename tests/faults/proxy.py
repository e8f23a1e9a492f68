"""A TCP proxy on 127.0.0.1 between one host and the broker, which misbehaves on request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

#: Seconds between looks whether a black hole is over.
_LOOK_S = 0.01


@dataclass(eq=False)
class _Pair:
    """One connection through the proxy: the two writers of it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter

    def reset(self) -> None:
        for writer in (self.client, self.server):
            connection = writer.get_extra_info("socket")
            if connection is not None and connection.fileno() >= 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class FaultProxy:
    """Forwards everything until told otherwise. It has its own thread and event loop; methods are thread-safe."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._is_black_hole = False
        self._cut_after: int | None = None
        self._pairs: set[_Pair] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self.port = 0
        self.listen()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def reset(self) -> None:
        """Resets every open connection; new ones are welcome."""
        self._call(self._reset())

    def refuse(self) -> None:
        """Resets every open connection and refuses new ones."""
        self._call(self._refuse())

    def listen(self) -> None:
        """Accepts connections again, on the same port."""
        self._call(self._listen())

    def black_hole(self) -> None:
        """Forwards nothing, neither data nor ends; accepts connections."""
        self._is_black_hole = True

    def cut_after(self, amount_bytes: int) -> None:
        """Resets a connection in the middle of an answer, after this many more bytes to the client."""
        self._cut_after = amount_bytes

    def heal(self) -> None:
        """Forwards everything again; data held by a black hole arrives late."""
        self._is_black_hole, self._cut_after = False, None
        if self._server is None:
            self.listen()

    def close(self) -> None:
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()

    async def _reset(self) -> None:
        for pair in list(self._pairs):
            pair.reset()
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(writer, server)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._pump(reader, server), self._pump(answers, writer, to_client=True))
        except (OSError, asyncio.IncompleteReadError):
            pair.reset()
        finally:
            for end in (server, writer):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            self._pairs.discard(pair)

    async def _shut(self) -> None:
        self._is_black_hole = False
        await self._refuse()
        await asyncio.sleep(_LOOK_S)  # a connection that the server has accepted has its task by then
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await self._reset()
            await asyncio.wait(tasks, timeout=_LOOK_S)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_client: bool = False
    ) -> None:
        while True:
            data = await reader.read(65536)
            while self._is_black_hole:
                await asyncio.sleep(_LOOK_S)
            if to_client and self._cut_after is not None:
                self._cut_after -= len(data)
                if self._cut_after < 0:
                    self._cut_after = None
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    raise ConnectionResetError
            if not data:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()
