"""A team whose machines are not all of one version: what stood before this round beside what is here."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import server_program, wait_until
from tests.integration.guarded import CHECKER, USERS, GuardedBroker, words_of
from tests.integration.workers import PATIENCE_S, TINY_MPS, Team, Worker, endless_mps

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
#: 0.1.0 of the changelog.
BEFORE = "ce5cebe"
PARTS = ("client", "solve", "control")
#: Name, role and user of each worker, in the order of an upgrade.
_TEAM = (("c", "control", "control"), ("h", "solve", "worker"))


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PYTHONPATH of the version before."""
    done = subprocess.run(["git", "archive", BEFORE, "cli", "tasks", "worker"], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip(f"commit {BEFORE} is not in this clone (git fetch --unshallow brings it)")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    parts = [str(folder / name) for name in ("cli", "tasks", "worker")]
    path = os.pathsep.join(parts)
    _make_python(folder / "python", parts)
    argv = [sys.executable, "-c", "import times_doctor_worker; print(times_doctor_worker.__file__)"]
    found = subprocess.run(argv, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert Path(found.stdout).is_relative_to(folder), "the old code must be what runs"
    return path


def _make_python(folder: Path, parts: Sequence[str]) -> None:
    """An interpreter that finds the old code by itself: a worker starts its solvers with a cleaned environment."""
    venv.create(folder, symlinks=True)
    (place,) = folder.glob("lib/python*/site-packages")
    own = sysconfig.get_path("purelib")
    (place / "before.pth").write_text("\n".join([*parts, f"import site; site.addsitedir({own!r})", ""]))


class Mixed:
    """A team, and which of its parts are old."""

    def __init__(self, team: Team, before: str, old: tuple[str, ...]) -> None:
        self.team = team
        self._path = {part: {"PYTHONPATH": before} if part in old else {} for part in PARTS}

    def worker(self, name: str, role: str, url: str = "") -> Worker:
        words = ("--slots", "1", "--threads", "1") if role == "solve" else ()
        path = self._path[role]
        python = Path(path["PYTHONPATH"].split(os.pathsep)[0]).parent / "python" / "bin" / "python" if path else None
        if url:
            path = path | {"TIMES_DOCTOR_BROKER_URL": url, "TIMES_DOCTOR_STORE_URL": ""}
        return self.team.worker(name, "--role", role, *words, python=python, **path)  # type: ignore[arg-type]  # its environment

    def run(self, *words: object, **more: str) -> dict[str, Any]:
        home = self.team.folder / "desk"
        home.mkdir(exist_ok=True)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TIMES_DOCTOR_BROKER_URL": self.team.broker.url,
            "TIMES_DOCTOR_STORE_URL": self.team.store_url,
            "TIMES_DOCTOR_KEY_PREFIX": self.team.broker.prefix,
            "TIMES_DOCTOR_LEASE_S": "5",
            "GAMS_PATH": "/nonexistent",
            **self._path["client"],
            **more,
        }
        argv = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", *map(str, words), "--json"]
        done = subprocess.run(argv, env=environ, cwd=home, capture_output=True, text=True, timeout=100)
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def model(self, content: bytes) -> Path:
        path = self.team.folder / "m.mps"
        path.write_bytes(content)
        return path

    def state(self, scan: str) -> tuple[str, str]:
        """State and host of the scan's only run."""
        (row,) = self.run("status", scan)["runs"]
        return row["state"], row["host"]


def wait_for(mixed: Mixed, scan: str, state: str, host: str) -> None:
    wait_until(lambda: mixed.state(scan) == (state, host), timeout_s=90.0, what=f"{state} on {host}")


@pytest.mark.parametrize(
    "old",
    [("solve",), ("control",), ("client",), ("solve", "control"), ("client", "solve"), ("client", "control")],
    ids="+".join,
)
def test_a_scan_ends_whichever_parts_are_old(team: Team, before: str, old: tuple[str, ...]) -> None:
    mixed = Mixed(team, before, old)
    mixed.worker("c", "control")
    mixed.worker("h", "solve")
    model = mixed.model(TINY_MPS)
    for words in (["--parallel"], []):
        report = mixed.run("scan", model, "--queue", "-p", "dual", "-p", "bar", "--threads", 1, *words)
        assert [run["verdict"] for run in report["runs"]] == ["optimal", "optimal"]
        assert report["recommendation"]["run"]


@pytest.mark.parametrize(
    ("first", "then"),
    [pytest.param(PARTS, (), id="updated", marks=pytest.mark.sample), pytest.param((), PARTS, id="taken back")],
)
def test_the_version_changes_in_mid_scan(
    team: Team, before: str, first: tuple[str, ...], then: tuple[str, ...]
) -> None:
    mixed, after = Mixed(team, before, first), Mixed(team, before, then)
    controls = [mixed.worker("c1", "control")]
    host = mixed.worker("h1", "solve")
    scan = mixed.run("scan", mixed.model(endless_mps()), "--queue", "--detach", "-p", "bar", "--threads", 1)["scan"]
    wait_for(mixed, scan, "running", "h1")

    controls.append(after.worker("c2", "control"))
    controls[0].kill()
    after.worker("h2", "solve")
    host.kill()
    wait_for(after, scan, "running", "h2")

    after.run("cancel", scan, "--now")
    wait_until(lambda: team.store.is_reported(scan), timeout_s=PATIENCE_S, what="the report")
    (run,) = after.run("report", scan)["runs"]
    assert (run["state"], run["stop_reason"]) == ("cancelled", "user")


def test_an_older_worker_gets_no_runs_of_a_solver_with_seats(team: Team, before: str) -> None:
    mixed, older = Mixed(team, before, ()), Mixed(team, before, ("solve",))
    mixed.worker("c", "control")
    older.worker("h1", "solve")
    mixed.worker("h2", "solve")
    team.store.set_seats("highs", 1)
    model = mixed.model(TINY_MPS)
    report = mixed.run("scan", model, "--queue", "--parallel", "-p", "dual", "-p", "bar", "--repeat", 2, "--threads", 1)
    assert [(run["verdict"], run["host"]) for run in report["runs"]] == [("optimal", "h2")] * 4


def _renew_users(broker: GuardedBroker, folder: Path, rules: str) -> None:
    text = re.sub(r"([A-Z]+)_PASSWORD", lambda role: words_of(role[1].lower()), rules)
    (folder / "users.acl").write_text(f"{text.rstrip()}\n{CHECKER}\n")
    broker.client.acl_load()


def test_the_users_are_renewed_before_the_first_worker_is_upgraded(tmp_path: Path, before: str) -> None:
    old_rules = subprocess.run(["git", "show", f"{BEFORE}:deploy/users.acl"], cwd=ROOT, capture_output=True, text=True)
    broker = GuardedBroker(tmp_path, server_program())
    team = Team(tmp_path, broker)

    def scan(mixed: Mixed) -> list[str]:
        words = ("--queue", "--parallel", "-p", "dual", "-p", "bar", "--threads", 1)
        report = mixed.run(
            "scan",
            mixed.model(TINY_MPS),
            *words,
            TIMES_DOCTOR_BROKER_URL=broker.url_of("client"),
            TIMES_DOCTOR_STORE_URL="",
        )
        return [run["verdict"] for run in report["runs"]]

    try:
        _renew_users(broker, tmp_path, old_rules.stdout)
        old, new = Mixed(team, before, PARTS), Mixed(team, before, ())
        workers = [old.worker(name, role, broker.url_of(user)) for name, role, user in _TEAM]
        assert scan(old) == ["optimal", "optimal"]

        _renew_users(broker, tmp_path, USERS.read_text("utf-8"))
        assert scan(old) == ["optimal", "optimal"]

        for worker, (name, role, user) in zip(workers, _TEAM, strict=True):
            worker.kill()
            new.worker(f"new-{name}", role, broker.url_of(user))
        assert scan(old) == ["optimal", "optimal"]
        assert scan(new) == ["optimal", "optimal"]
    finally:
        team.close()
        broker.close()
