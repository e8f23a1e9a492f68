from __future__ import annotations

import re
from pathlib import Path

import pytest

from times_doctor_cli.main import COMMANDS
from times_doctor_tasks.config.settings import OTHER_VARIABLES, SETTINGS
from times_doctor_worker.service.shutdown import HAND_BACK_S, LEAVE_S

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "team.md").read_text("utf-8") + RUNBOOK
UNITS = {path.name.removesuffix(".service") for path in (ROOT / "deploy" / "systemd").glob("*.service")}


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"\bdeploy/[\w./-]*\w", PAGE))
    assert named
    assert [name for name in named if not list(ROOT.glob(f"{name}*"))] == []


def test_every_variable_that_the_page_names_is_read() -> None:
    known = {setting.variable for setting in SETTINGS} | set(OTHER_VARIABLES)
    assert set(re.findall(r"\bTIMES_DOCTOR_[A-Z_]+\b", PAGE)) <= known
    example = (ROOT / "deploy" / "env.example").read_text("utf-8")
    for name in re.findall(r"`(?:\.env`.*?)?([A-Z]+_[A-Z]+)=", PAGE):
        assert name in known or name in example or name in ("WORKER_OPTIONS",), name


def test_every_command_that_the_page_names_exists() -> None:
    called = set(re.findall(r"(?:`|^|/|\s)times-doctor ([a-z]+)\b", PAGE, re.MULTILINE))
    words = {"by", "and", "on", "is"}
    assert {"check", "hosts", "scan", "watch", "prune"} <= called
    assert called - words <= set(COMMANDS)


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_the_page_says_how_to_enable_each_unit(unit: str) -> None:
    assert re.search(rf"systemctl enable --now .*{re.escape(unit)}", PAGE)


def test_the_drain_of_the_page_is_the_drain_of_the_units() -> None:
    unit = (ROOT / "deploy" / "systemd" / "times-doctor-worker@.service").read_text("utf-8")
    (drain,) = re.findall(r"TIMES_DOCTOR_DRAIN_S=(\d+)", unit)
    assert f"TIMES_DOCTOR_DRAIN_S ({drain})" in PAGE.replace("`", "")


#: Seconds that a stop takes after the drain, at most, with some to spare: every page and file has the same.
MARGIN_S = 60


def test_every_stop_timeout_is_the_drain_and_one_margin() -> None:
    assert HAND_BACK_S + LEAVE_S <= MARGIN_S
    assert f"`TIMES_DOCTOR_DRAIN_S` + {MARGIN_S} s" in RUNBOOK
    texts = [path.read_text("utf-8") for path in (*(ROOT / "docs").glob("*.md"), ROOT / "docker-compose.yml")]
    stops = [
        int(s) for text in texts for s in re.findall(r"(?:--stop-timeout|PeriodSeconds:|docker stop -t) (\d+)", text)
    ]
    assert set(stops) == {60 + MARGIN_S}
    (drain_s, stop_s), *_ = re.findall(r"DRAIN_S=(\d+)` and `SOLVER_STOP=(\d+)s", PAGE)
    assert int(stop_s) == int(drain_s) + MARGIN_S


def test_the_page_has_each_user_of_the_server() -> None:
    users = re.findall(r"^user (\w+) on", (ROOT / "deploy" / "users.acl").read_text("utf-8"), re.MULTILINE)
    assert (
        re.findall(r"^\| `([a-z]+)` \|", PAGE.partition("One user per role")[2].partition("###")[0], re.MULTILINE)
        == users
    )
