from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Broker, killed

pytestmark = [pytest.mark.server, pytest.mark.timeout(60)]

CLI = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", "worker"]


def environ(folder: Path, **more: str) -> dict[str, str]:
    keep = {name: value for name, value in os.environ.items() if name in {"PATH", "TZ", "PYTHONPATH"}}
    return keep | {"HOME": str(folder), "GAMS_PATH": "/nonexistent", **more}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "A worker needs a broker and none is configured. Set TIMES_DOCTOR_BROKER_URL"),
        (["--role", "king"], "invalid choice: 'king'"),
        (["--local", "/tmp"], "unrecognized arguments: --local"),
        (["--slots", "0"], "'0' is not a whole number of 1 or more"),
        (["--name", "a b"], "--name 'a b': expected letters"),
    ],
)
def test_a_worker_that_cannot_be_is_refused_in_words(tmp_path: Path, words: list[str], said: str) -> None:
    done = subprocess.run([*CLI, *words], env=environ(tmp_path), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("times-doctor: ")
    assert said in done.stderr


def test_the_help_is_that_of_the_worker_program(tmp_path: Path) -> None:
    done = subprocess.run([*CLI, "--help"], env=environ(tmp_path), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--slots N" in done.stdout


def test_a_worker_whose_cache_folder_is_a_file_says_so_before_it_looks_for_its_broker(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = {"TIMES_DOCTOR_BROKER_URL": "redis://127.0.0.1:1/0", "TIMES_DOCTOR_CACHE_DIR": str(tmp_path / "file")}
    done = subprocess.run(CLI, env=environ(tmp_path, **settings), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"times-doctor: The cache folder {str(tmp_path / 'file')!r}")
    assert len(done.stderr.splitlines()) == 1


def test_the_command_becomes_the_worker_and_a_signal_drains_it(tmp_path: Path, broker: Broker) -> None:
    settings = {"TIMES_DOCTOR_BROKER_URL": broker.url, "TIMES_DOCTOR_KEY_PREFIX": broker.prefix}
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [*CLI, "--name", "h1", "--slots", "3"],
            env=environ(tmp_path, **settings),
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    with killed(worker):
        wait_until(lambda: broker.store.host("control@h1"), timeout_s=PATIENCE_S, what="both beat")
        card = broker.store.host("h1")
        assert card is not None
        assert (card.pid, card.slots) == (worker.pid, 3)

        worker.send_signal(signal.SIGINT)

        assert worker.wait(PATIENCE_S) == 0
    assert broker.store.host("h1") is None
    wait_until(lambda: broker.store.host("control@h1") is None, timeout_s=PATIENCE_S, what="the control worker ended")


def test_systemd_hears_that_a_worker_is_ready_and_that_it_lives(tmp_path: Path, broker: Broker) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        settings = {"TIMES_DOCTOR_BROKER_URL": broker.url, "TIMES_DOCTOR_KEY_PREFIX": broker.prefix}
        settings["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        program = [*CLI, "--name", "h1"]
        with subprocess.Popen(program, env=environ(tmp_path, **settings), cwd=tmp_path) as worker, killed(worker):
            heard = [systemd.recv(200) for _ in range(3)]
            worker.send_signal(signal.SIGINT)
            worker.wait(PATIENCE_S)
    assert heard == [b"READY=1\nWATCHDOG=1"] * 3
    assert worker.returncode == 0
