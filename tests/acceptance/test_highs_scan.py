"""A real solver in a real scan on this machine: what a newcomer's first scan does where GAMS is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]


@pytest.mark.parametrize("mode", [(), ("--parallel",)])
def test_highs_solves_a_model_file_in_a_chain_and_in_a_chord(cli: Cli, tmp_path: Path, mode: tuple[str, ...]) -> None:
    model = tmp_path / "small.lp"
    model.write_text("Minimize\n cost: 2 x + 3 y\nSubject To\n need: x + y >= 4\n most: x <= 3\nEnd\n")

    code, report = cli.scan(model, *mode)

    assert code == 0
    assert {run["verdict"] for run in report["runs"]} == {"optimal"}
    assert [run["objective"] for run in report["runs"]] == [pytest.approx(9.0)] * len(report["runs"])
