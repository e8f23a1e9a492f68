"""What a modeller does before and after a scan, on three layouts of VEDA's folders: scan, results, apply, undo."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_gdx import install_gams_with_gdx2veda, results_for_veda

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(120)]

RUN_DIRS = Path(__file__).parents[1] / "data" / "run_dirs"
DEFINITION = Path(__file__).parents[1] / "data" / "veda" / "tiny.vdd"


@dataclass(frozen=True)
class Layout:
    copied: str
    named: str
    """What a person types, below the copy."""
    driver: str
    source: str
    """Folder of the TIMES source, below the copy; where the data definition stands."""
    results: str
    words: tuple[str, ...] = ()


LAYOUTS = {
    "a folder a case": Layout(
        "folder_per_case",
        "GAMS_WrkTIMES/Case_A",
        "GAMS_WrkTIMES/Case_A/CASE_A.RUN",
        "GAMS_SrcTIMES.v0.1",
        "case_a_1103",
    ),
    "one folder of cases": Layout("many_cases", "case1.run", "case1.run", "", "case1", ("--vd",)),
    "the source beside the data": Layout("sources_beside", "together.run", "together.run", "", "together", ("--vd",)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_scan_comes_back_into_vedas_folders(layout: str, cli: Cli, tmp_path: Path) -> None:
    case = LAYOUTS[layout]
    root = tmp_path / "veda"
    shutil.copytree(RUN_DIRS / case.copied, root)
    with (root / case.driver).open("a") as driver:
        driver.write("* recording: denselp\n")
    shutil.copy(DEFINITION, root / case.source / "times2veda.vdd")
    for module in () if case.source else ("initsys.mod", "initmty.mod", "maindrv.mod"):
        (root / module).touch()
    own = root / case.driver
    option_file = own.with_name("cplex.opt")
    before = option_file.read_text() if option_file.is_file() else None
    gams = install_gams_with_gdx2veda(tmp_path / "gams", speed=0)

    code, report = cli.scan(root / case.named, "--gams-path", gams, "-p", "dual", "-p", "bar_nox", *case.words)
    assert code == 0
    recommended = report["recommendation"]["run"]
    out = own.parent / "times_doctor_out" / report["scan"]
    files = {f"{case.results}.{ending}" for ending in ("vd", "vde", "vds")}
    assert files <= set(results_for_veda(out)[recommended])
    assert ("README.txt" in results_for_veda(out)[recommended]) == recommended.endswith("bar_nox")

    assert cli.run("apply", out).returncode == 0
    applied = next(run["options"] for run in report["run_specs"] if run["run"] == recommended)
    assert option_file.read_text() == applied
    assert cli.run("apply", out, "--undo").returncode == 0
    assert (option_file.read_text() if option_file.is_file() else None) == before

    # At this speed the two tie, and `dual` is recommended: only alone does a run without crossover bring its README.
    _, report = cli.scan(root / case.named, "--gams-path", gams, "-p", "bar_nox", *case.words)
    (brought,) = results_for_veda(own.parent / "times_doctor_out" / report["scan"]).values()
    assert {*files, "README.txt"} <= set(brought)
