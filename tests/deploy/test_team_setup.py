"""The commands of docs/team.md: Redis, its users, a host, Flower, messages, an upgrade; each in a fresh environment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.conftest import wait_until
from tests.deploy.machine import ROOT, Machine, block
from tests.faults.broker import free_port
from tests.integration.workers import TINY_MPS
from tests.recorded.install import install_recorded_gams
from times_doctor_worker.notification.targets import read_targets

pytestmark = [
    pytest.mark.server, pytest.mark.long, pytest.mark.timeout(900),
    pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed"),
]  # fmt: skip

TEAM = (ROOT / "docs" / "team.md").read_text("utf-8")
RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")
PATIENCE_S = 120
#: The URL that the page writes for the first password.
URL = "redis://:PASSWORD@10.0.0.5:6379/0"


class TeamMachine(Machine):
    """The machine of Redis, which is also a solver host and the desk of its owner."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.children: list[subprocess.Popen[bytes]] = []
        self.server: subprocess.Popen[bytes] | None = None
        super().__init__(folder, self.port, folder / "opt")
        for name in ("times-doctor", "systemd"):
            (folder / name).mkdir()
        gams = install_recorded_gams(folder / "gams", speed=0)
        self.places = {
            "/opt/gams/gams54.6_linux_x64_64_sfx": gams, "/etc/times-doctor": folder / "times-doctor",
            "/etc/systemd/system": folder / "systemd", **self.places,
        }  # fmt: skip
        (self.etc / "redis.conf").write_text(f"port {self.port}\ndir {self.var}\nlogfile {self.var}/log\n")
        self.program("python3", f'exec {sys.executable} "$@"')
        (self.programs / "times-doctor").symlink_to(folder / "opt" / "bin" / "times-doctor")

    def here(self, text: str) -> str:
        return super().here(text).replace("10.0.0.5", "127.0.0.2").replace(":6379", f":{self.port}")

    def restart_redis(self) -> None:
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(timeout=PATIENCE_S)
        self.server = subprocess.Popen(["redis-server", str(self.etc / "redis.conf")])

    def url(self, user: str, password: str) -> str:
        return f"redis://{user}:{password}@127.0.0.1:{self.port}/0"

    def start(self, unit: str) -> None:
        """Start what a unit starts, with the environment that it names."""
        template, _, name = unit.partition("@")
        path = self.folder / "systemd" / (f"{template}@.service" if name else f"{template}.service")
        text = self.here(path.read_text("utf-8").replace("%i", name))
        files = re.findall(r"^EnvironmentFile=(-?)(.*)$", text, re.MULTILINE)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "TIMES_DOCTOR_CACHE_DIR": str(self.folder / f"cache-{unit}"),
        }
        for optional, file in files:
            if not optional or Path(file).exists():
                environ |= dict(line.split("=", 1) for line in Path(file).read_text("utf-8").splitlines())
        (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        command = command.replace(" $WORKER_OPTIONS", "")
        self.children.append(subprocess.Popen(command.split(), env=environ, cwd=self.folder / "times-doctor"))

    def close(self) -> None:
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait(timeout=PATIENCE_S)
        if self.server:
            self.server.terminate()
            self.server.wait(timeout=PATIENCE_S)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[TeamMachine]:
    made = TeamMachine(tmp_path)
    yield made
    made.close()


def answers(url: str) -> bool:
    client = redis.Redis.from_url(url)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def test_a_team_is_set_up_as_the_page_says(machine: TeamMachine) -> None:
    _redis(machine)
    passwords = _users(machine)
    _host(machine, passwords)
    _flower_and_messages(machine)
    _upgrade(machine, passwords)


def _redis(machine: TeamMachine) -> None:
    machine.run(block(TEAM, "include /etc/redis/times-doctor.conf"), cwd=ROOT)
    assert machine.asked() == ["sysctl -w vm.overcommit_memory=1", "restart redis-server"]
    secret = machine.etc / "times-doctor-secret.conf"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o640
    password = secret.read_text("utf-8").split()[1]
    machine.restart_redis()
    wait_until(lambda: answers(machine.url("", password)), timeout_s=PATIENCE_S, what="Redis")
    assert not answers(machine.url("", "another"))
    client = redis.Redis.from_url(machine.url("", password), decode_responses=True)
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("appendonly") == {"appendonly": "yes"}
    client.close()


def _users(machine: TeamMachine) -> dict[str, str]:
    machine.run(block(TEAM, "times-doctor acl > "), cwd=ROOT)
    users = machine.etc / "times-doctor-users.acl"
    assert stat.S_IMODE(users.stat().st_mode) == 0o640
    passwords = dict(re.findall(r"^user (\w+) on >(\S+)", users.read_text("utf-8"), re.MULTILINE))
    machine.restart_redis()
    wait_until(
        lambda: answers(machine.url("client", passwords["client"])), timeout_s=PATIENCE_S, what="Redis with users"
    )
    return passwords


def _host(machine: TeamMachine, passwords: dict[str, str]) -> None:
    url = machine.url("worker", passwords["worker"])
    machine.run(block(TEAM, "useradd").replace(URL, url), cwd=ROOT)
    etc = machine.folder / "times-doctor"
    assert stat.S_IMODE((etc / "broker.env").stat().st_mode) == 0o600
    (etc / "control.env").write_text(f"TIMES_DOCTOR_BROKER_URL={machine.url('control', passwords['control'])}\n")
    assert machine.asked()[-1] == "enable --now times-doctor-worker@h1 times-doctor-control"
    for unit in ("times-doctor-control", "times-doctor-worker@h1"):
        machine.start(unit)
    laptop = f"export TIMES_DOCTOR_BROKER_URL={machine.url('client', passwords['client'])}\n"
    wait_until(
        lambda: "h1" in machine.run(f"{laptop} times-doctor hosts || true"),
        timeout_s=PATIENCE_S,
        what="the host is live",
    )
    assert "All that is needed works" in machine.run(f"{laptop} times-doctor check")
    (machine.folder / "model.mps").write_bytes(TINY_MPS)
    said = machine.run(f"{laptop} times-doctor scan model.mps --queue --parallel")
    assert "optimal runs agree" in said
    admin = f"TIMES_DOCTOR_BROKER_URL={machine.url('admin', passwords['admin'])}"
    assert f"{admin.partition('=')[0]}=redis://admin:PASSWORD@10.0.0.5:6379/0 times-doctor seats set cplex 2" in TEAM
    machine.run(f"{admin} times-doctor seats set cplex 2")
    assert "0 of 2" in machine.run(f"{laptop} times-doctor seats")


def _flower_and_messages(machine: TeamMachine) -> None:
    machine.run(block(TEAM, "TIMES_DOCTOR_FLOWER_AUTH"), cwd=ROOT)
    assert machine.asked()[-2:] == ["enable --now times-doctor-flower", "ssh -L 5555:127.0.0.1:5555 that-machine"]
    assert "--port" in machine.run("/opt/times-doctor/bin/times-doctor flower --help")
    machine.run(block(TEAM, "waits_longer_than"), cwd=ROOT)
    assert machine.asked()[-2:] == ["edit times-doctor-control", "restart times-doctor-control"]
    file = machine.folder / "times-doctor" / "notify.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not read_targets(file).faults


def _upgrade(machine: TeamMachine, passwords: dict[str, str]) -> None:
    text = block(RUNBOOK, "systemctl stop times-doctor-worker@h1")
    laptop = f"export TIMES_DOCTOR_BROKER_URL={machine.url('client', passwords['client'])}\n"
    assert "h1" in machine.run(laptop + text, cwd=ROOT)
    assert machine.asked()[-4:] == [
        "stop times-doctor-worker@h1", "stop times-doctor-control times-doctor-flower", "daemon-reload",
        "start times-doctor-control times-doctor-worker@h1",
    ]  # fmt: skip
