"""A real solver in a real scan on this machine: a new user's first scan without GAMS."""

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


@pytest.mark.parametrize(
    ("model", "words", "conflict"),
    [
        (
            "Minimize\n cost: x\nSubject To\n need: x + y >= 9\n most: x + y <= 5\nEnd\n",
            "need >= 9, most <= 5 cannot hold together",
            ["row need >= 9", "row most <= 5"],
        ),
        (
            "Minimize\n cost: x\nSubject To\n even: 2 x + 2 y = 3\nBounds\n x <= 5\n y <= 5\nGeneral\n x y\nEnd\n",
            "no conflict among the linear rows: it comes from integrality",
            [],
        ),
    ],
    ids=["lp", "mip"],
)
def test_an_infeasible_model_is_told_with_what_contradicts(
    cli: Cli, tmp_path: Path, model: str, words: str, conflict: list[str]
) -> None:
    path = tmp_path / "none.lp"
    path.write_text(model)

    _, report = cli.scan(path)

    assert {run["verdict"] for run in report["runs"]} == {"infeasible"}
    assert all(words in run["sentence"] and run["conflict"] == conflict for run in report["runs"])


def test_no_seconds_for_the_search_mean_no_search(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "none.lp"
    path.write_text("Minimize\n cost: x\nSubject To\n need: x + y >= 9\n most: x + y <= 5\nEnd\n")

    _, report = cli.scan(path, "--iis-seconds", "0", "-p", "dual")

    assert [(run["verdict"], run["conflict"]) for run in report["runs"]] == [("infeasible", [])]
