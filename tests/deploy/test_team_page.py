from __future__ import annotations

import re
from pathlib import Path

import pytest

from times_doctor_cli.main import COMMANDS
from times_doctor_tasks.config.settings import SETTINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "team.md").read_text("utf-8")
UNITS = {path.name.removesuffix(".service") for path in (ROOT / "deploy" / "systemd").glob("*.service")}


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"\bdeploy/[\w./-]*\w", PAGE))
    assert named
    assert [name for name in named if not list(ROOT.glob(f"{name}*"))] == []


def test_every_variable_that_the_page_names_is_read() -> None:
    known = {setting.variable for setting in SETTINGS} | {"TIMES_DOCTOR_FLOWER_AUTH"}
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
