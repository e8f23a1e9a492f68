from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from times_doctor_cli.main import make_app
from times_doctor_tasks.config.settings import SETTINGS
from times_doctor_worker.service.options import read_words
from times_doctor_worker.service.shutdown import HAND_BACK_S, LEAVE_S

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROGRAM = "/opt/times-doctor/bin/times-doctor"
#: What `systemd-analyze security` may find at most, of 10.
MOST_EXPOSURE = 2.0
BROKER = {"TIMES_DOCTOR_BROKER_URL": "redis://h:1/0", "HOME": "/nonexistent"}

by_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
with_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Every assignment of a unit file, in order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def words_of(unit: Path) -> list[str]:
    program, *words = settings_of(unit)["ExecStart"][0].split()
    assert program == PROGRAM
    return [word.replace("%i", "h1") for word in words if not word.startswith("$")]


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(min|s|)", text).groups()  # type: ignore[union-attr]
    return float(number) * (60 if unit == "min" else 1)


def installed(unit: Path, folder: Path) -> Path:
    """The unit under an instance's name, with a program that exists."""
    path = folder / unit.name.replace("@.", "@h1.")
    path.write_text(unit.read_text("utf-8").replace(PROGRAM, "/bin/sh"))
    return path


def analyze(*words: str, folder: Path) -> str:
    done = subprocess.run(["systemd-analyze", *words], cwd=folder, capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


def test_there_is_a_unit_for_each_role() -> None:
    assert [unit.name for unit in UNITS] == [
        "times-doctor-control.service", "times-doctor-flower.service", "times-doctor-worker@.service",
    ]  # fmt: skip


@with_systemd
@pytest.mark.timeout(60)
@by_unit
def test_systemd_has_nothing_to_say_about_a_unit(unit: Path, tmp_path: Path) -> None:
    # Its exit code is 0 also for keys it does not know.
    assert analyze("verify", f"./{installed(unit, tmp_path).name}", folder=tmp_path) == ""


@with_systemd
@pytest.mark.timeout(60)
@by_unit
def test_a_unit_is_hardened(unit: Path, tmp_path: Path) -> None:
    words = ("security", "--offline=true", "--no-pager", f"./{installed(unit, tmp_path).name}")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", analyze(*words, folder=tmp_path))
    assert found is not None
    assert float(found[1]) <= MOST_EXPOSURE


@by_unit
def test_a_unit_is_started_again_for_ever(unit: Path) -> None:
    settings = settings_of(unit)
    assert settings["Restart"] == ["always"]
    assert settings["StartLimitIntervalSec"] == ["0"]
    assert seconds(settings["RestartSec"][0]) > 0


@by_unit
def test_a_unit_is_no_roots_and_takes_credentials_from_a_file(unit: Path) -> None:
    settings = settings_of(unit)
    assert settings.get("User") == ["times-doctor"] or settings.get("DynamicUser") == ["yes"]
    assert "/etc/times-doctor/broker.env" in settings["EnvironmentFile"]
    assert "@" not in settings["ExecStart"][0]
    assert not any("URL" in value or "AUTH" in value for value in settings.get("Environment", []))


@by_unit
def test_the_program_takes_the_words_of_a_unit(unit: Path) -> None:
    command, *words = words_of(unit)
    if command == "worker":
        assert read_words(words, BROKER).plan.roles
        return
    # An option that is unknown is refused before --help is answered.
    done = CliRunner().invoke(make_app(), [command, *words, "--help"])
    assert done.exit_code == 0, done.output


def test_a_worker_has_the_time_to_drain_and_its_solvers_are_not_told_to_end() -> None:
    (unit,) = (unit for unit in UNITS if "worker" in unit.name)
    settings = settings_of(unit)
    drain_s = float(dict(value.split("=", 1) for value in settings["Environment"])["TIMES_DOCTOR_DRAIN_S"])
    assert seconds(settings["TimeoutStopSec"][0]) >= drain_s + HAND_BACK_S + LEAVE_S
    assert settings["KillMode"] == ["mixed"]
    assert settings["OOMPolicy"] == ["continue"]


@by_unit
def test_a_unit_sets_only_variables_that_are_read(unit: Path) -> None:
    known = {setting.variable for setting in SETTINGS} | {"WORKER_OPTIONS"}
    assert {value.partition("=")[0] for value in settings_of(unit).get("Environment", [])} <= known


def test_the_back_off_is_a_drop_in_for_every_unit() -> None:
    parser = configparser.ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keep the case of names
    parser.read(DEPLOY / "systemd" / "times-doctor-.service.d" / "backoff.conf")
    assert dict(parser["Service"]) == {"RestartSec": "1", "RestartSteps": "8", "RestartMaxDelaySec": "60"}
