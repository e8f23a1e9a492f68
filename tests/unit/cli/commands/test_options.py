from __future__ import annotations

from itertools import chain

import pytest
import typer

from times_doctor_cli.commands.scan.options import HEADINGS
from times_doctor_cli.main import make_app, run


def test_each_option_of_scan_has_one_heading() -> None:
    group = typer.main.get_command(make_app(["scan", "check"]))
    scan = group.commands["scan"]  # type: ignore[attr-defined]
    options = {param.name for param in scan.params if not getattr(param, "hidden", False)}
    listed = list(chain.from_iterable(HEADINGS.values()))
    assert sorted(listed) == sorted(options | {"help"})


def test_the_help_of_scan_shows_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", "--help"], None) == 0
    shown = capsys.readouterr().out
    assert [line[:-1] for line in shown.splitlines() if line[:-1] in HEADINGS] == list(HEADINGS)
    assert "--llm" not in shown
