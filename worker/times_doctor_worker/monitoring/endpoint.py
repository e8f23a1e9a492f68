"""The HTTP server of a worker with a metrics port: `/healthz`, and `/metrics` if there are any.

It has no password, so it names no person, model or scan.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from times_doctor_tasks.contract.errors import InfrastructureError

#: Seconds that a client may take for one request.
PATIENCE_S = 10.0
#: Seconds without a tick of Celery's loop, and without a sweep, after which a worker is unhealthy.
BLOCKED_S = 60.0
UNSWEPT_S = 30.0


def unwell(now_s: float, ticked_s: float | None, *, swept_s: float | None = None, sweeps: bool = False) -> str:
    """Why a worker is unhealthy, in one word; empty while it is healthy. Times are monotonic; None: not yet.

    >>> unwell(100.0, 99.0, swept_s=60.0, sweeps=True)
    'unswept'
    """
    if ticked_s is None or (sweeps and swept_s is None):
        return "starting"
    if now_s - ticked_s > BLOCKED_S:
        return "blocked"
    return "unswept" if sweeps and now_s - (swept_s or 0.0) > UNSWEPT_S else ""


class Endpoint:
    """Answers from the entry of the `with` block to its exit, each request in a thread of its own."""

    def __init__(
        self, address: str, port: int, *, health: Callable[[], str], metrics: Callable[[], bytes] | None = None
    ) -> None:
        """`health` gives the word of `unwell`, `metrics` their text.

        Raises:
            InfrastructureError: nothing can listen there.
        """
        pages: dict[str, Callable[[], tuple[int, bytes]]] = {"/healthz": lambda: _healthz(health())}
        if metrics is not None:
            pages["/metrics"] = lambda: (200, metrics())
        handler = type("Handler", (_Handler,), {"pages": pages})
        try:
            self._server = _Server((address, port), handler)
        except OSError as error:
            raise InfrastructureError(
                f"The worker cannot listen on port {port} of {address}: {error.strerror or error}. "
                "Give it another one: --metrics-port, TIMES_DOCTOR_METRICS_ADDRESS."
            ) from error

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Endpoint:
        threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _healthz(why: str) -> tuple[int, bytes]:
    return (503, f"{why}\n".encode()) if why else (200, b"ok\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        super().__init__(place, handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's also looks up a name, which nobody reads
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        """A client that disconnects is not logged."""


class _Handler(BaseHTTPRequestHandler):
    pages: dict[str, Callable[[], tuple[int, bytes]]]
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        page = self.pages.get(self.path.partition("?")[0])
        code, body = page() if page else (404, f"Here are {' and '.join(self.pages)}.\n".encode())
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Hides our name and version."""
        return "times-doctor"

    def log_message(self, *_: object) -> None:
        """A scrape every fifteen seconds is not logged."""
