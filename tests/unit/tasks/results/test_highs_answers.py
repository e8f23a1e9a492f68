from __future__ import annotations

import json
from pathlib import Path

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.results.profile_check import judge_application
from times_doctor_tasks.results.run_files import find_run_files
from times_doctor_tasks.results.run_reader import read_native_run, read_run
from times_doctor_tasks.testing.documents import make_run_spec

_FIELD = Path("tests/data/field").resolve()


@pytest.mark.parametrize("has_result", [True, False], ids=["with result file", "log alone"])
@pytest.mark.parametrize(
    ("case", "verdict", "objective", "word"),
    [
        ("bounds_cross_lp", Verdict.INFEASIBLE, None, "lower bound of cap_a"),
        ("bounds_cross_mip", Verdict.INFEASIBLE, None, "lower bound of unit_a"),
        ("nan_objective_recommended", Verdict.SOLVER_FAILURE, None, "not a number"),
        ("qp_reported_unsolved", Verdict.OPTIMAL, 6.0, "6"),
        ("solve_error_taken_as_optimal", Verdict.SOLVER_FAILURE, None, "Solve error"),
        ("mip_profiles_not_applied", Verdict.OPTIMAL, 36.0, "36"),
    ],
)
def test_the_final_answer_of_highs_decides_verdict_and_objective(
    case: str, verdict: Verdict, objective: float | None, word: str, has_result: bool
) -> None:
    final = json.loads((_FIELD / case / "result.json").read_text()) if has_result else None
    reading = read_native_run(_FIELD / case / "scan.log", returncode=0, final=final)
    assert (reading.verdict, len(reading.solves)) == (verdict, 1)
    assert reading.solves[0].objective == (pytest.approx(objective) if objective is not None else None)
    assert word in reading.judgement.sentence


@pytest.mark.parametrize("indent", ["", "    "], ids=["as written", "indented"])
@pytest.mark.parametrize("skipped", [0, 1], ids=["whole", "first line cut off"])
@pytest.mark.parametrize(
    ("case", "verdict", "word"),
    [
        ("highs_log_old_wording", Verdict.OPTIMAL, "31.5"),
        ("highs_log_without_banner", Verdict.OPTIMAL, "31.5"),
        ("highs_log_refused", Verdict.SOLVER_FAILURE, "Cannot solve MIQP problems with HiGHS"),
        ("solve_error_taken_as_optimal", Verdict.SOLVER_FAILURE, "Solve error"),
    ],
)
def test_a_log_of_any_highs_is_read_pasted_or_cut(
    tmp_path: Path, case: str, verdict: Verdict, word: str, skipped: int, indent: str
) -> None:
    source = next(path for path in (_FIELD / case).glob("*.log") if path.name != "scan.log")
    lines = source.read_text().splitlines()[skipped:]
    log = tmp_path / "pasted.log"
    log.write_text("".join(f"{indent}{line}\n" for line in lines))
    reading = read_run(find_run_files(log))
    assert reading.verdict is verdict
    assert word in reading.judgement.sentence


def test_a_solver_option_that_highs_ignores_is_named() -> None:
    for case in ("mip_profiles_not_applied", "qp_reported_unsolved"):
        [(option, why)] = read_native_run(_FIELD / case / "scan.log").options_ignored
        assert option == "solver = simplex"
        assert "is not available for" in why


def test_a_profile_whose_solver_highs_ignores_is_not_applied_and_the_next_step_is_true() -> None:
    run = make_run_spec(engine="highs", solver="highs", run="highs.dual", options="solver = simplex\n")
    judged = judge_application(run, read_native_run(_FIELD / "mip_profiles_not_applied" / "scan.log"), [])
    assert judged.applied is False
    assert "random_seed" in judged.next_step


@pytest.mark.parametrize(
    ("warning", "is_lost"),
    [
        ("COLUMNS section entries contain        2 with row not in ROWS    section: ignored", True),
        ("BOUNDS  section entries contain        1 with col not in COLUMNS section: ignored", True),
        ("RHS section: ignored 1 undefined rows and 0 duplicate values", True),
        ('Row name "D2" in RHS section is not defined: ignored', True),
        ("RHS section: ignored 0 undefined rows and 1 duplicate values", False),
        ('Column "Z" has duplicate nonzero 3 in objective row "COST": ignored', True),
        ('Column name "F" in BOUNDS section has duplicate lower bound definition: ignored', False),
    ],
)
def test_a_model_file_of_which_highs_read_a_part_has_no_result(tmp_path: Path, warning: str, is_lost: bool) -> None:
    log = tmp_path / "solver.log"
    log.write_text(
        f"Running HiGHS 1.16.0 (git hash: 1): Copyright\nWARNING: {warning}\nLP m has 1 row; 2 cols; 0 nonzeros\n"
        "Model status        : Optimal\nObjective value     :  3.0000000000e+00\nHiGHS run time      :          0.01\n"
    )

    reading = read_run(find_run_files(log))

    assert (reading.verdict is Verdict.COMPILE_ERROR) == is_lost, reading.judgement
    assert " ".join(warning.split()) in reading.messages
