"""Connections of a guarded team: TLS, client certificates, and a user for each role (deploy/users.acl)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from msgspec.structs import asdict

from tests.integration.guarded import UsersDoor
from tests.integration.test_tls import certificates
from times_doctor_tasks.config.tls import Tls

#: Whether all tests of faults, or of the cluster, use it; otherwise some fault tests run with and without it.
ALL_GUARDED = os.environ.get("TD_GUARDED", "") == "1"
#: Mark of tests that run with and without it.
also_guarded = pytest.mark.parametrize("door", ["guarded"] if ALL_GUARDED else ["open", "guarded"], indirect=True)
#: Tests that do not apply there, by the beginning of their names, and why.
NOT_GUARDED = {
    "test_a_server_whose_clock_jumps": "Debian's redis-server does not start under libfaketime, with or without TLS",
}


def words_of_tls(folder: Path) -> list[str]:
    """A server's, beside those of its port; docs/tls.md names the files in `folder`."""
    files = {"cert-file": "server.crt", "key-file": "server.key", "ca-cert-file": "ca.crt"}
    pairs = [(f"--tls-{option}", str(folder / name)) for option, name in files.items()]
    return [*(word for pair in pairs for word in pair), "--tls-auth-clients", "yes"]


def tls_of_clients(folder: Path) -> Tls:
    return Tls(folder / "ca.crt", folder / "client.crt", folder / "client.key")


def environ_of_clients(tls: Tls) -> dict[str, str]:
    return {f"TIMES_DOCTOR_TLS_{name.upper()}": str(path) for name, path in asdict(tls).items()}


def server_with_tls() -> str:
    """Debian's Redis was built with it."""
    program = shutil.which("redis-server")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("needs redis-server and openssl on PATH")
    return program


class GuardedDoor(UsersDoor):
    """On this machine."""

    PORT_OPTION = "--tls-port"
    SCHEME = "rediss"

    def __init__(self, folder: Path) -> None:
        program = server_with_tls()
        files = certificates(folder / "tls")
        super().__init__(folder, program, *words_of_tls(files))
        self.tls = tls_of_clients(files)
        self.environ = environ_of_clients(self.tls)
