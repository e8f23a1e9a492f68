"""The commands of docs/operations.md are run, on a real server; its drop-ins are read by systemd."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import stat
from pathlib import Path

import pytest
import redis

from tests.conftest import wait_until
from tests.deploy.machine import Machine, block
from tests.deploy.test_units import UNITS, analyze, installed, with_systemd
from tests.integration.guarded import GuardedBroker, guarded_broker, words_of
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.state_store.connection import connect

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")
TLS = (ROOT / "docs" / "tls.md").read_text("utf-8")
broker = guarded_broker
with_redis_cli = pytest.mark.skipif(not shutil.which("redis-cli"), reason="redis-cli is not installed")


@pytest.fixture
def machine(tmp_path: Path, broker: GuardedBroker) -> Machine:
    return Machine(tmp_path, broker.port)


@pytest.mark.server
@with_redis_cli
def test_an_upgrade_renews_the_rules_and_keeps_the_passwords(machine: Machine, broker: GuardedBroker) -> None:
    users = machine.etc / "times-doctor-users.acl"
    users.symlink_to(machine.folder / "users.acl")  # what the server has
    users.write_text(re.sub(r"(?<=user client )(on \S+) .*", r"\1 -@all +ping", users.read_text("utf-8")))
    users.chmod(0o640)
    broker.client.acl_load()
    client = connect(broker.url_of("client"))
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.get("td:scans")
    client.close()
    script = block(RUNBOOK, "acl --keep")
    assert "pip install --upgrade ." in script
    script = "\n".join(line for line in script.splitlines() if "pip install" not in line)
    machine.run(script)
    assert f"user client on >{words_of('client')} resetkeys" in users.read_text("utf-8")
    assert stat.S_IMODE(users.stat().st_mode) == 0o640
    assert not (machine.etc / "new.acl").exists()
    client = connect(broker.url_of("client"))
    assert client.get("td:scans") is None
    client.close()


@pytest.mark.server
@with_redis_cli
def test_the_operator_sees_what_was_refused(machine: Machine, broker: GuardedBroker) -> None:
    client = connect(broker.url_of("client"))
    with pytest.raises(Exception, match="permission"):
        client.flushall()
    client.close()
    assert "flushall" in machine.run("redis-cli --user ops --askpass ACL LOG")


@pytest.mark.server
@with_redis_cli
@pytest.mark.parametrize("way", ["systemd", "containers"])
def test_a_backup_is_made_and_restored(machine: Machine, broker: GuardedBroker, tmp_path: Path, way: str) -> None:
    broker.client.set("td:kept", "as it was")
    machine.run(block(RUNBOOK, "--askpass --rdb"))
    broker.client.set("td:kept", "changed")
    (machine.var / "appendonlydir").mkdir()
    if way == "systemd":
        machine.run(block(RUNBOOK, "appendonlydir.before"))
        assert machine.asked() == ["stop redis-server", "start redis-server"]
    else:
        shell = re.search(r"--entrypoint sh redis -ec '(.*?)' < backup", RUNBOOK, re.DOTALL)
        assert shell is not None
        machine.run(f"exec < {machine.backups}/times-doctor.rdb; {shell[1]}")
    restored = GuardedBroker(_new(tmp_path), broker._argv[0], "--dir", str(machine.var), "--appendonly", "yes")
    try:
        wait_until(lambda: restored.client.get("td:kept") == b"as it was", what="the data of the backup")
        restored.client.set("td:kept", "goes on")
        assert restored.client.info("persistence")["aof_enabled"] == 1
    finally:
        restored.close()


def _new(folder: Path) -> Path:
    (folder / "restored").mkdir()
    return folder / "restored"


@with_systemd
@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
@pytest.mark.parametrize(("page", "words"), [(RUNBOOK, "ReadWritePaths"), (RUNBOOK, "TimeoutStopSec"), (TLS, "%d/")])
def test_systemd_takes_the_drop_ins_of_the_pages(unit: Path, page: str, words: str, tmp_path: Path) -> None:
    path = installed(unit, tmp_path)
    dropped = tmp_path / f"{path.name}.d"
    dropped.mkdir()
    (dropped / "page.conf").write_text(block(page, words))
    assert analyze("verify", f"./{path.name}", folder=tmp_path) == ""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(dropped / "page.conf")
    assert "Service" in parser.sections()


def test_the_drain_of_the_drop_in_keeps_the_rule_of_the_page() -> None:
    text = block(RUNBOOK, "TimeoutStopSec")
    drain_s, stop_s = (int(number) for number in re.findall(r"=(\d+)$|_S=(\d+)", text) for number in number if number)
    assert stop_s == drain_s + 60


def test_the_folders_of_a_shared_store_are_open_to_the_group_though_the_unit_may_set_no_group_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`RestrictSUIDSGID=yes` refuses a chmod that sets the bit; mkdir inherits it."""
    assert "UMask=0007" in block(RUNBOOK, "ReadWritePaths")
    assert "-m 2770" in RUNBOOK
    root = tmp_path / "share"
    root.mkdir()
    root.chmod(0o2770)
    chmod = Path.chmod

    def refusing(self: Path, mode: int) -> None:
        if mode & stat.S_ISGID:
            raise PermissionError
        chmod(self, mode)

    monkeypatch.setattr(Path, "chmod", refusing)
    before = os.umask(0o007)
    try:
        FileBlobs(root)._make_folder(root / "ab")
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / "ab").stat().st_mode) == 0o2770
