"""The team of a fault test behind TLS and with a user for each role."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.bed import Bed
from tests.integration.guarded import GuardedBroker, words_of
from tests.integration.test_tls import certificates


class TlsBroker(GuardedBroker):
    """Its port speaks TLS alone."""

    PORT_OPTION = "--tls-port"


class GuardedBed(Bed):
    """Hosts and control come over TLS, each as the user of its role; the test speaks to the socket."""

    def __init__(self, folder: Path, broker: GuardedBroker, files: Path) -> None:
        super().__init__(folder, broker)
        self.environ = {"TIMES_DOCTOR_TLS_CA": str(files / "ca.crt")}

    def url(self, port: int, role: str) -> str:
        user = "control" if role == "control" else "worker"
        return f"rediss://{user}:{words_of(user)}@127.0.0.1:{port}/0"


@contextmanager
def guarded_bed(folder: Path) -> Iterator[GuardedBed]:
    """Needs a server that was built with TLS: Debian's Redis."""
    program = shutil.which("redis-server")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("needs redis-server and openssl on PATH")
    files = certificates(folder / "tls")
    words = f"--tls-cert-file {files}/server.crt --tls-key-file {files}/server.key --tls-auth-clients no"
    broker = TlsBroker(folder, program, *words.split())
    bed = GuardedBed(folder, broker, files)
    yield bed
    bed.close()
    broker.close()
