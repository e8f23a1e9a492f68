from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.unit.tasks.parsers.cases import Case, reading_of
from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.contract.states import StopReason, Verdict
from times_doctor_tasks.parsers.gams.log_phases import PhaseRecord
from times_doctor_tasks.results.run_files import RunFiles, find_run_files
from times_doctor_tasks.results.run_reader import read_run, to_json


def _unpack(case: str, folder: Path, **names: str) -> None:
    for file in ("log.txt", "listing.lst", "trace.txt"):
        content = Case(case).content(file)
        if content is not None:
            (folder / names.get(file.split(".", maxsplit=1)[0], file)).write_bytes(content)


def test_everything_about_a_run_is_in_one_record() -> None:
    reading = reading_of("cplex_d005_bar")
    solve = reading.last_solve
    assert solve is not None
    assert (reading.solver, reading.solver_version, reading.gams_version) == ("CPLEX", "22.2.0.0", "54.6.1")
    assert reading.options_set[:2] == (("lpmethod", "4"), ("threads", "1"))
    assert (reading.option_file_read, reading.options_ignored, reading.options_clamped) == (True, (), ())
    assert (solve.model, solve.model_type, solve.option_file, solve.solver_time_s) == ("TIMES", "LP", 1, 0.013)
    assert (solve.presolved_rows, solve.basis, solve.method) == (365, "vertex", "barrier with crossover")
    assert solve.matrix is not None
    assert (solve.matrix.minimum, solve.matrix.maximum) == (0.05, 34900.0)
    assert dict(solve.phase_seconds)["barrier"] == 0.01
    assert (reading.elapsed_s, reading.complete, reading.peak_mb["GAMS"]) == (0.312, True, 9.0)


def test_a_barrier_without_crossover_is_interior() -> None:
    solve = reading_of("cplex_d005_bar_nox").last_solve
    assert solve is not None
    assert (solve.basis, solve.method) == ("interior", "barrier")


def test_the_quality_a_solver_prints_is_kept() -> None:
    solve = reading_of("own_bs_dual").last_solve
    assert solve is not None
    numerics = solve.numerics
    assert (numerics.scaled_infeasibility, numerics.unscaled_infeasibility) == (0.0, 0.0)
    assert (numerics.dual_infeasibility, numerics.condition, numerics.markowitz_raises) == (6.878e-08, 2.988e12, 1)


def test_ignored_and_clamped_options_are_told() -> None:
    reading = reading_of("own_bad_cplex1")
    assert ("lpmethod 99", "Value '99' is not supported.") in reading.options_ignored
    assert reading.options_clamped == (("epopt", "0.1", "5"), ("tilim", "1e+75", "1e99"))
    assert "option ignored: nosuch: invalid format or invalid option name." in reading.messages
    assert reading_of("own_bad_highs").option_file_read is False


def test_phases_carry_the_times_that_the_log_has() -> None:
    phases = reading_of("cplex_d005_bar").phases
    assert [phase.phase for phase in phases] == [
        Phase.COMPILE,
        Phase.EXECUTE,
        Phase.GENERATE,
        Phase.PRESOLVE,
        Phase.BARRIER,
        Phase.CROSSOVER,
        Phase.READ_BACK,
        Phase.REPORT,
    ]
    assert phases[0] == PhaseRecord(Phase.COMPILE, 0, "", 0.0, 0.172)
    assert (phases[3].start_s, phases[3].solve) == (0.247, 1)
    assert (phases[-1].start_s, phases[-1].end_s) == (0.283, 0.312)


def test_the_json_document_is_plain_and_complete() -> None:
    document = to_json(reading_of("cplex_d005_bar"))
    assert json.loads(json.dumps(document)) == document
    assert document["verdict"] == "optimal"
    assert document["gams_return"] == 0
    solves = document["solves"]
    assert isinstance(solves, list)
    [solve] = solves
    wanted = {
        "solver": "CPLEX",
        "model_status": 1,
        "model_status_text": "Optimal",
        "solver_status": 1,
        "solver_status_text": "Normal Completion",
        "objective": 4174862.37444063,
        "iterations": 24,
        "rows": 625,
        "columns": 831,
        "nonzeros": 3237,
        "verdict": "optimal",
        "bound": None,
    }
    assert {name: solve[name] for name in wanted} == wanted


def test_a_run_that_left_nothing_is_read_too(tmp_path: Path) -> None:
    reading = read_run(RunFiles(tmp_path / "none.log", None, None, returncode=-9), stop_reason=StopReason.HOST_LOST)
    assert (reading.verdict, reading.solves, reading.complete) == (Verdict.INTERRUPTED, (), False)
    assert to_json(reading)["solves"] == []


def test_the_return_code_is_known_from_the_status_line(tmp_path: Path) -> None:
    _unpack("fail_times_dd_syntax", tmp_path)
    reading = read_run(find_run_files(tmp_path))
    assert (reading.gams_return, reading.verdict) == (2, Verdict.COMPILE_ERROR)


def test_an_appended_log_counts_from_its_last_job(tmp_path: Path) -> None:
    log = (Case("fail_iterlim_dual").content("log.txt") or b"") + (Case("cplex_d003_bar").content("log.txt") or b"")
    (tmp_path / "log.txt").write_bytes(log)
    reading = read_run(RunFiles(tmp_path / "log.txt"))
    assert reading.verdict is Verdict.OPTIMAL
    assert len(reading.solves) == 1


def test_a_stale_trace_row_does_not_speak_for_this_run(tmp_path: Path) -> None:
    _unpack("fail_iterlim_dual", tmp_path)
    trace = tmp_path / "trace.txt"
    stale = (Case("cplex_d003_bar").content("trace.txt") or b"").decode().splitlines()[-1].replace("46348.5", "46347.5")
    trace.write_text(trace.read_text("utf-8") + stale + "\n", "utf-8")
    reading = read_run(RunFiles(tmp_path / "log.txt", None, trace, 0))
    assert reading.verdict is Verdict.LIMIT
    assert len(reading.solves) == 1


def test_bytes_that_are_no_utf8_and_lines_of_27000_characters_are_read(tmp_path: Path) -> None:
    content = Case("cplex_d003_bar").content("listing.lst") or b""
    odd = b"   1  set \xe4\xf6\xfc " + b"x" * 27_000 + b"\n"
    (tmp_path / "x.lst").write_bytes(odd + content.replace(b"\n", b"\r\n"))
    reading = read_run(RunFiles(None, tmp_path / "x.lst", None, 0))
    assert reading.verdict is Verdict.OPTIMAL


@pytest.mark.parametrize("asked", ["", "scen_run_log.txt", "scen.lst", "trace.txt"])
def test_the_files_of_a_run_find_each_other(tmp_path: Path, asked: str) -> None:
    _unpack("cplex_d003_bar", tmp_path, log="scen_run_log.txt", listing="scen.lst", trace="trace.txt")
    (tmp_path / "QA_Check.log").write_text("*** not a GAMS log\n", "utf-8")
    (tmp_path / "other.lst").write_text("something else\n", "utf-8")
    os.utime(tmp_path / "other.lst", (1, 1))
    found = find_run_files(tmp_path / asked)
    assert found.log in (tmp_path / "scen_run_log.txt", None)
    if asked != "trace.txt":
        assert found.listing == tmp_path / "scen.lst"
        assert found.trace == tmp_path / "trace.txt"


def test_a_listing_of_another_run_does_not_speak_for_the_log(tmp_path: Path) -> None:
    _unpack("cplex_d003_bar", tmp_path)
    (tmp_path / "listing.lst").write_bytes(Case("fail_times_infeasible_presolve").content("listing.lst") or b"")
    reading = read_run(find_run_files(tmp_path / "log.txt"))
    assert (reading.verdict, len(reading.solves)) == (Verdict.OPTIMAL, 1)


def test_a_log_names_its_own_listing_first(tmp_path: Path) -> None:
    job = "--- Job {0}.gms Start 11/23/26 12:15:27 54.6.1\n--- GAMS Parameters defined\n    Output /r/{0}.lst\n"
    (tmp_path / "out.log").write_text(job.format("outer") + job.format("inner"), "utf-8")
    for name in ("outer.lst", "inner.lst"):
        (tmp_path / name).write_text("", "utf-8")
    assert find_run_files(tmp_path).listing == tmp_path / "outer.lst"


def test_the_newest_log_of_a_folder_is_taken(tmp_path: Path) -> None:
    for age, name in enumerate(("new.log", "old.log")):
        (tmp_path / name).write_bytes(Case("cplex_d003_bar").content("log.txt") or b"")
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    assert find_run_files(tmp_path).log == tmp_path / "new.log"


def test_a_folder_without_any_of_them_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n", "utf-8")
    with pytest.raises(FileNotFoundError, match="no GAMS log"):
        find_run_files(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        find_run_files(tmp_path / "missing")
