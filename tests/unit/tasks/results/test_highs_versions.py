"""Logs of HiGHS 1.5.3 to 1.16, written by the highspy of that version for small models of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.results.run_files import find_run_files
from times_doctor_tasks.results.run_reader import RunReading, read_run

_LOGS = Path("tests/data/highs_versions").resolve()
_VERDICTS = {
    "Optimal": Verdict.OPTIMAL,
    "Infeasible": Verdict.INFEASIBLE,
    "Primal infeasible or unbounded": Verdict.INFEASIBLE,
    "Unbounded": Verdict.UNBOUNDED,
    "Time limit reached": Verdict.LIMIT,
    "Iteration limit reached": Verdict.LIMIT,
    "Not Set": Verdict.SOLVER_FAILURE,
    "Empty": Verdict.NO_SOLVE,
}


def logs_of(version: str) -> dict[str, tuple[str, str, str]]:
    """By name: HiGHS's own status, its objective, its log."""
    found = {}
    for part in (_LOGS / f"{version}.txt").read_text().split("@@ ")[1:]:
        head, _, log = part.partition("\n")
        name, status, objective = head.split("|")
        found[name] = (status, objective, log)
    return found


_VERSIONS = sorted(path.stem for path in _LOGS.glob("*.txt"))
_CASES = [(version, name) for version in _VERSIONS for name in logs_of(version)]


def read(folder: Path, text: str) -> RunReading:
    log = folder / "pasted.txt"
    log.write_text(text)
    return read_run(find_run_files(log))


@pytest.mark.parametrize("pasted", [False, True], ids=["as written", "pasted without its banner"])
@pytest.mark.parametrize(("version", "name"), _CASES)
def test_a_log_says_what_highs_itself_answered(tmp_path: Path, version: str, name: str, pasted: bool) -> None:
    status, objective, log = logs_of(version)[name]
    if pasted:
        lines = [line for line in log.splitlines() if not line.startswith(("Running", "Copyright", "Includes"))]
        log = "".join(f"> {line}".rstrip() + "\n" for line in lines)
    reading = read(tmp_path, log)
    assert reading.verdict is (Verdict.COMPILE_ERROR if name == "missing" else _VERDICTS[status])
    assert len(reading.solves) == 1
    if status == "Optimal":
        assert reading.solves[0].objective == pytest.approx(float(objective), rel=1e-6)


@pytest.mark.parametrize("version", _VERSIONS)
def test_what_a_mip_had_at_its_limit_or_gap_is_said(tmp_path: Path, version: str) -> None:
    logs = logs_of(version)
    assert "best solution so far was kept" in read(tmp_path, logs["mip_tl"][2]).judgement.sentence
    assert "% from the best possible" in read(tmp_path, logs["mip_gap"][2]).judgement.sentence


@pytest.mark.parametrize("version", _VERSIONS)
def test_barrier_and_crossover_are_told_from_one_another(tmp_path: Path, version: str) -> None:
    [solve] = read(tmp_path, logs_of(version)["lp_ipm"][2]).solves
    assert (solve.method, solve.basis) == ("barrier with crossover", "vertex")


@pytest.mark.parametrize("version", _VERSIONS)
def test_a_refused_model_is_told_in_the_words_of_highs(tmp_path: Path, version: str) -> None:
    assert "Cannot solve MIQP problems" in read(tmp_path, logs_of(version)["miqp"][2]).judgement.sentence


@pytest.mark.parametrize("banner", [True, False], ids=["a banner each", "no banner"])
@pytest.mark.parametrize("version", _VERSIONS)
def test_the_solves_of_a_rolling_horizon_are_counted(tmp_path: Path, version: str, banner: bool) -> None:
    logs = logs_of(version)
    text = "".join(logs[name][2] for name in ("lp_nopre", "inf", "mip", "unb", "inf", "lp_ipm"))
    if not banner:
        text = "".join(line + "\n" for line in text.splitlines() if not line.startswith(("Running", "Copyright")))
    reading = read(tmp_path, text)
    assert [solve.number for solve in reading.solves] == [1, 2, 3, 4, 5, 6]
    assert reading.verdict is Verdict.OPTIMAL
    assert "2 of 6 solves were infeasible, 1 of 6 solves was unbounded." in reading.judgement.sentence


_CALLERS = {
    "linopy": (
        "INFO:linopy.model: Solve problem using Highs solver\nINFO:linopy.io: Writing time: 0.03s\n",
        "INFO:linopy.constants: Optimization successful: \nStatus: ok\nTermination condition: optimal\n"
        "Solution: 3 primals, 3 duals\nObjective: 1.05e+01\nSolver model: available\nSolver message: Optimal\n",
    ),
    "julia": ("julia> using JuMP, HiGHS\njulia> optimize!(model)\n", "julia> objective_value(model)\n10.5\n"),
    "pulp": ("WARNING: a warning of Python\n", "Status: 1\n"),
}


@pytest.mark.parametrize("caller", _CALLERS)
@pytest.mark.parametrize("version", _VERSIONS)
def test_what_a_caller_prints_around_a_log_does_not_matter(tmp_path: Path, version: str, caller: str) -> None:
    before, after = _CALLERS[caller]
    reading = read(tmp_path, before + logs_of(version)["lp_nopre"][2] + after)
    assert (reading.verdict, len(reading.solves), reading.solves[0].objective) == (Verdict.OPTIMAL, 1, 10.5)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            "ERROR:   quadratic constraints are not supported by HiGHS\n --> product.lp:4:12\n  |\n"
            "4 |  c1: 3 x + [ x * y ] <= 9\nERROR:   Parser error reading product.lp\n",
            "quadratic constraints are not supported by HiGHS (line 4)",
        ),
        (
            "ERROR:   Quadratic constraints not supported by HiGHS\nERROR:   Parser error reading product.lp\n",
            "Quadratic constraints not supported by HiGHS.",
        ),
        ("ERROR:   File product.lp not found\n", "File product.lp not found."),
    ],
)
def test_why_highs_could_not_read_a_model_is_its_first_error(tmp_path: Path, lines: str, words: str) -> None:
    reading = read(tmp_path, f"Running HiGHS 1.16.0 (git hash: f3f113d): Copyright (c) 2026\n{lines}")
    assert reading.verdict is Verdict.COMPILE_ERROR
    assert words in reading.judgement.sentence
