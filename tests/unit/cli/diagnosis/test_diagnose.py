from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tasks.parsers.cases import reading_of
from times_doctor_cli.diagnosis import programs
from times_doctor_cli.diagnosis.diagnose import of_model, of_reading, of_report
from times_doctor_tasks.contract.errors import EngineNotFound, UsageError
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.testing.documents import make_report, make_result


@pytest.mark.parametrize(
    ("rows", "verdict", "conflict"),
    [
        (" need: x + y >= 4\n most: x <= 3\n", "optimal", ()),
        (" need: x >= 4\n most: x <= 3\n", "infeasible", ("row need >= 4", "row most <= 3")),
    ],
)
def test_a_model_is_solved_once_and_told_whole(
    tmp_path: Path, rows: str, verdict: str, conflict: tuple[str, ...]
) -> None:
    model = tmp_path / "m.lp"
    model.write_text(f"Minimize\n cost: 2 x + 3e10 y\nSubject To\n{rows}End\n")
    found = of_model(model, solve_s=60.0, iis_s=60.0)
    assert (found.verdict, found.conflict) == (verdict, conflict)
    assert bool(found.quality_sentence) is (verdict == "optimal")
    assert found.size.startswith("2 rows, 2 columns")
    assert "the costs 2e+00 to 3e+10" in found.scaling_sentence
    assert found.to_json()["ranges"]["parts"]["costs"]["worst"][0]["name"] == "x"


def test_a_file_that_is_no_model_is_refused_with_the_reason_and_its_own_name(tmp_path: Path) -> None:
    model = tmp_path / "m.lp"
    model.write_text("Minimize\n x\nSubject To\n a: x + [ x * y ] <= 9\nEnd\n")
    with pytest.raises(UsageError, match=r"m\.lp': quadratic constraints are not supported by HiGHS \(line 4\)"):
        of_model(model, solve_s=60.0, iis_s=60.0)


def test_without_highs_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "has_highs", lambda: False)
    with pytest.raises(EngineNotFound, match="pip install"):
        of_model(tmp_path / "m.lp", solve_s=1.0, iis_s=1.0)


def test_a_log_tells_its_conflict_quality_and_ranges() -> None:
    found = of_reading(reading_of("own_infeas_iis"), "run")
    assert found.conflict[0].startswith("equation lower: r(i10)")
    assert found.next_step
    found = of_reading(reading_of("own_quality"), "run")
    assert "primal residual 4.9e-08" in found.quality_sentence
    assert set(found.ranges["parts"]) >= {"matrix"}


def test_a_scan_tells_each_of_its_runs() -> None:
    runs = [
        make_result("dual", quality={"primal_residual": 1e-9}, matrix_min=1e-6, matrix_max=1e6),
        make_result("bar", verdict=Verdict.INFEASIBLE, sentence="No.", next_step="Look.", conflict=("row a >= 1",)),
    ]
    good, bad = of_report(make_report(runs))
    assert (good.name, good.next_step, bad.next_step) == ("cplex.dual", "", "Look.")
    assert "1.0e-09" in good.quality_sentence
    assert "badly scaled" in good.scaling_sentence
    assert bad.conflict == ("row a >= 1",)
