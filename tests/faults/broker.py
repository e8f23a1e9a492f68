"""A private server with a port, and how hosts connect to it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Broker


class Door:
    """How to connect to a server: here without a user."""

    PORT_OPTION = "--port"
    #: Whether each role has its own user. Then a worker has one role, and only control may load scripts.
    has_users = False
    program: str | None = None
    prefix = ""
    #: The test's own user: `name:password@`.
    user = ""
    options: tuple[str, ...] = ()
    #: Environment of a process for its connection, besides the URL.
    environ: Mapping[str, str] = MappingProxyType({})

    def url(self, port: int, role: str) -> str:
        return f"redis://127.0.0.1:{port}/0"


OPEN = Door()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PortBroker(Broker):
    """A private server with a TCP port for hosts; the test uses its unix socket, which no fault touches."""

    #: Seconds per key when it loads slowly; much more on a busy machine.
    LOAD_DELAY_S = 0.001

    def __init__(self, *options: str, door: Door = OPEN) -> None:
        self.port = free_port()
        self.door = door
        words = [door.PORT_OPTION, str(self.port), "--bind", "127.0.0.1", *door.options, *options]
        super().__init__(*words, program=door.program, prefix=door.prefix, user=door.user)

    def url_of(self, role: str) -> str:
        return self.door.url(self.port, role)

    @property
    def desk_url(self) -> str:
        return self.url_of("client") if self.door.has_users else self.url

    def environ_of(self, role: str, *, port: int | None = None) -> dict[str, str]:
        url = self.door.url(port or self.port, role)
        return {"TIMES_DOCTOR_BROKER_URL": url, **self.door.environ}

    def start(self) -> None:
        before = os.environ.copy()
        os.environ.update(self.environ())  # what the server inherits
        try:
            super().start()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def environ(self) -> dict[str, str]:
        """Additional environment of the server."""
        return {}

    def stall(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def restart(self, *, after_s: float = 0.0) -> None:
        self.kill()
        time.sleep(after_s)
        self.start()

    def load_slowly(self, seconds: float) -> None:
        """Restarts after a kill, and answers LOADING for this long."""
        fillers = [f"filler:{number}" for number in range(int(seconds / self.LOAD_DELAY_S))]
        pipe = self.client.pipeline(transaction=False)
        for filler in fillers:
            pipe.set(filler, "", ex=3600)
        pipe.execute()
        self._compact()
        self.kill()
        argv, delay_us = self._argv, int(self.LOAD_DELAY_S * 1e6)
        self._argv = [*argv, "--key-load-delay", str(delay_us), "--loading-process-events-interval-bytes", "1024"]
        self.start()
        self._argv = argv
        self.client.unlink(*fillers)

    def _compact(self) -> None:
        """Otherwise it would load all earlier commands one by one."""
        self.client.bgrewriteaof()

        def is_done() -> bool:
            state = self.client.info("persistence")
            return not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]

        wait_until(is_done, timeout_s=PATIENCE_S, what="the append-only file is rewritten")

    def forget(self, seconds: float, *, after_s: float = 0.0) -> None:
        """Loses power: it restarts without the writes of its last seconds (appendfsync everysec)."""
        (path,) = Path(self.folder).glob("appendonlydir/*.incr.aof")
        size = path.stat().st_size
        time.sleep(seconds)
        self.kill()
        os.truncate(path, size)
        time.sleep(after_s)
        self.start()
