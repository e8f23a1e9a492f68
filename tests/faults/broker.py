"""A private server with a port, and the door through which hosts come to it."""

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
    """How a server is come to: here by everybody, as nobody in particular."""

    PORT_OPTION = "--port"
    #: Whether each role comes as a user of its own. A worker has one role then, and only control may load scripts.
    has_users = False
    program: str | None = None
    prefix = ""
    #: As whom the test itself comes: `name:password@`.
    user = ""
    options: tuple[str, ...] = ()
    #: What a process has in its environment to come in, beside the URL.
    environ: Mapping[str, str] = MappingProxyType({})

    def url(self, port: int, role: str) -> str:
        return f"redis://127.0.0.1:{port}/0"


OPEN = Door()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PortBroker(Broker):
    """A private server with a TCP port, for hosts; the test itself speaks to its socket, which no fault touches."""

    #: Seconds that it takes over one key when it loads slowly; a good deal more on a busy machine.
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
        """What the server's environment has beside ours."""
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
        """Comes back after a kill, and says LOADING for so long."""
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
        """Else it would load every command of its life, one after the other."""
        self.client.bgrewriteaof()

        def is_done() -> bool:
            state = self.client.info("persistence")
            return not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]

        wait_until(is_done, timeout_s=PATIENCE_S, what="the append-only file is rewritten")

    def forget(self, seconds: float, *, after_s: float = 0.0) -> None:
        """Loses power: it comes back without what it wrote in so many last seconds (appendfsync everysec)."""
        (path,) = Path(self.folder).glob("appendonlydir/*.incr.aof")
        size = path.stat().st_size
        time.sleep(seconds)
        self.kill()
        os.truncate(path, size)
        time.sleep(after_s)
        self.start()
