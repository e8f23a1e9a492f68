"""A team whose last control worker is gone: the client says so, and can be ended."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.attacks.test_wrong_types import CLI
from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Team, endless_mps

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(280)]


@pytest.mark.sample
def test_a_scan_without_a_control_worker_says_so_and_ends_when_it_is_told_to(team: Team, tmp_path: Path) -> None:
    control = team.worker("c", "--role", "control")
    host = team.worker("h1", "--role", "solve")
    (tmp_path / "m.mps").write_bytes(endless_mps())
    said = tmp_path / "said"
    words = [*CLI, "scan", str(tmp_path / "m.mps"), "--queue", "--solver", "highs", "-p", "dual"]

    def says(text: str, *, timeout_s: float = PATIENCE_S) -> None:
        wait_until(lambda: text in said.read_text(), timeout_s=timeout_s, what=text)

    with said.open("w") as file:
        client = subprocess.Popen(words, env=host.environ, stdout=file, stderr=subprocess.STDOUT)
    try:
        says("running on h1")
        control.kill()
        says("No control worker is live", timeout_s=90)
        team.worker("c", "--role", "control").kill()
        says("A control worker is live again.")
        client.send_signal(signal.SIGINT)
        says("cancelled")
        client.terminate()
        assert client.wait(PATIENCE_S) == 130
    finally:
        client.kill()
