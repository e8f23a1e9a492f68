from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from times_doctor_worker.service.systemd import tell_systemd


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_hears_on_either_kind_of_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    place = str(tmp_path / "n") if kind == "path" else f"@times-doctor-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(place.replace("@", "\0", 1))
        assert tell_systemd("READY=1\nWATCHDOG=1")
        assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"


@pytest.mark.parametrize("place", ["", "/nowhere/notify", "vsock:2:1", "@nobody-listens-here"])
def test_nobody_to_tell_is_no_error(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", place)
    assert not tell_systemd("READY=1")
