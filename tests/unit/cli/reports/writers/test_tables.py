from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from times_doctor_cli.reports.layout import run_folder
from times_doctor_cli.reports.writers.csv_report import write_csv
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_cli.reports.writers.json_report import report_json, write_json
from times_doctor_cli.reports.writers.option_file import write_recommended
from times_doctor_cli.reports.writers.scan_manifest import write_manifest
from times_doctor_cli.reports.writers.trace_file import write_trace
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Artefact, Report, RunResult, RunSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_tasks.snapshot.manifest import Manifest, StagedFile

MakeResult = Callable[..., RunResult]
MakeReport = Callable[..., Report]
MakeRunSpec = Callable[..., RunSpec]

REFERENCE_COLUMNS = (
    "profile,solver,model_status,solver_status,lp_status,objective,"
    "runtime,runtime_seconds,matrix_min,matrix_max,dir,lst"
)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def test_csv_begins_with_the_columns_of_the_reference(make_report: MakeReport, tmp_path: Path) -> None:
    header = write_csv(make_report(), tmp_path).read_text(encoding="utf-8").splitlines()[0]

    assert header.startswith(REFERENCE_COLUMNS + ",")
    for column in ("verdict", "basis", "host", "attempts", "peak_memory_mb", "stop_reason", "state", "sentence"):
        assert column in header.split(",")


def test_a_run_with_a_long_name_shows_its_folder_and_listing(
    make_report: MakeReport, make_result: MakeResult, tmp_path: Path
) -> None:
    profile = "x" * 220
    result = make_result(profile)
    folder = run_folder(tmp_path, result.run)
    folder.mkdir(parents=True)
    (folder / "parscen.lst").touch()

    (row,) = rows_of(write_csv(make_report([result]), tmp_path))

    assert folder.name != result.run
    assert (row["dir"], row["lst"]) == (str(folder), str(folder / "parscen.lst"))


def test_csv_row_has_the_reference_values_and_ours(
    make_report: MakeReport, make_result: MakeResult, tmp_path: Path
) -> None:
    folder = tmp_path / "scan_runs" / "cplex.bar_nox"
    folder.mkdir(parents=True)
    (folder / "parscen.lst").touch()

    (row,) = rows_of(write_csv(make_report([make_result("bar_nox", runtime_s=125.5)]), tmp_path))

    assert row["profile"] == "bar_nox"
    assert row["solver"] == "CPLEX"
    assert row["model_status"] == "1 Optimal"
    assert row["solver_status"] == "1 Normal Completion"
    assert row["lp_status"] == "optimal"
    assert float(row["objective"]) == 6407967.37637338
    assert (row["runtime"], row["runtime_seconds"]) == ("2m05s", "125.500")
    assert (row["matrix_min"], row["matrix_max"]) == ("1.000e-04", "8.760e+03")
    assert row["dir"] == str(folder)
    assert row["lst"] == str(folder / "parscen.lst")
    assert (row["verdict"], row["basis"], row["state"]) == ("optimal", "no", "done")
    assert row["started"] == "2026-11-23T14:15:00.400+00:00"


def test_csv_says_of_each_run_how_its_profile_compares(
    make_report: MakeReport, make_result: MakeResult, tmp_path: Path
) -> None:
    sizes = {"presolved_rows": 90, "presolved_columns": 80, "presolved_nonzeros": 500}
    runs = [
        make_result("dual", cpu_s=6.0, run_delay_s=4.0, load_1m=2.5, **sizes),
        make_result("devex", **sizes),
        make_result("bar", runtime_s=90.0, iterations=7),
        make_result("sift", verdict=Verdict.LIMIT),
    ]

    rows = rows_of(write_csv(make_report(runs), tmp_path))

    names = list(rows[0])
    assert names[-11:] == [
        "cpu_s", "run_delay_s", "quiet_s", "load_1m",
        "compared_by", "pace", "n", "time_s", "ratio", "low", "high",
    ]  # fmt: skip
    assert [rows[0][name] for name in names[-11:-2]] == [
        "6.0", "4.0", "6.0000", "2.5", "quiet_s", "fastest", "1", "6.0000", "1.000"
    ]  # fmt: skip
    assert [row["pace"] for row in rows] == ["fastest", "same path as cplex.dual", "slower", ""]
    assert rows[2]["ratio"] == "15.000"
    assert float(rows[2]["low"]) < 15 < float(rows[2]["high"])


@pytest.mark.parametrize(
    ("changes", "model_status", "solver_status"),
    [
        ({"state": RunState.CANCELLED, "verdict": None, "stop_reason": StopReason.USER}, "CANCELLED", "CANCELLED"),
        ({"verdict": Verdict.LIMIT, "stop_reason": StopReason.TIMEOUT}, "ERROR", "TIMEOUT"),
        ({"state": RunState.FAILED, "verdict": Verdict.COMPILE_ERROR}, "ERROR", "COMPILE_ERROR"),
        ({"state": RunState.LOST, "verdict": None}, "ERROR", "LOST"),
    ],
)
def test_csv_uses_the_words_of_the_reference_where_there_is_no_status(
    changes: dict[str, object],
    model_status: str,
    solver_status: str,
    make_report: MakeReport,
    make_result: MakeResult,
    tmp_path: Path,
) -> None:
    none = dict.fromkeys(("model_status", "model_status_text", "solver_status", "solver_status_text", "objective"))

    (row,) = rows_of(write_csv(make_report([make_result("dual", **(none | changes))]), tmp_path))

    assert (row["model_status"], row["solver_status"], row["objective"]) == (model_status, solver_status, "")
    assert (row["dir"], row["lst"]) == ("", "")


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x")', "+1", "-1+2", "@SUM(A1)", "\tx", "=cmd|' /C calc'!A0"])
def test_csv_cell_never_begins_a_formula(
    text: str, make_report: MakeReport, make_result: MakeResult, tmp_path: Path
) -> None:
    (row,) = rows_of(write_csv(make_report([make_result(text, sentence=text, host=text)]), tmp_path))

    for column in ("profile", "sentence", "host"):
        assert row[column].startswith("'")


def test_csv_keeps_negative_numbers_as_numbers_and_lines_whole(
    make_report: MakeReport, make_result: MakeResult, tmp_path: Path
) -> None:
    result = make_result("dual", objective=-12.5, sentence='first\r\nsecond, "third" é')

    (row,) = rows_of(write_csv(make_report([result]), tmp_path))

    assert row["objective"] == "-12.5"
    assert row["sentence"] == 'first second, "third" é'


def test_json_carries_every_digit_and_decodes_as_a_report(
    make_report: MakeReport, make_result: MakeResult, make_run_spec: MakeRunSpec, tmp_path: Path
) -> None:
    report = make_report([make_result("dual", objective=0.1 + 0.2)])
    path = write_json(report, tmp_path, specs={"cplex.dual": make_run_spec("dual")})

    document = json.loads(path.read_text(encoding="utf-8"))

    assert document["schema"] == 1
    assert document["runs"][0]["objective"] == 0.30000000000000004
    assert document["runs"][0]["verdict"] == "optimal"
    assert document["recommendation"]["run"] == "cplex.dual"
    assert document["run_specs"][0]["options"].startswith("lpmethod 2\n")
    assert msgspec.json.decode(path.read_bytes(), type=Report) == report


def test_json_has_null_where_there_is_no_number(make_report: MakeReport, make_result: MakeResult) -> None:
    document = json.loads(report_json(make_report([make_result("dual", objective=math.nan)]), {}))

    assert document["runs"][0]["objective"] is None


def test_manifest_says_what_ran(
    make_report: MakeReport, make_result: MakeResult, make_run_spec: MakeRunSpec, tmp_path: Path
) -> None:
    options = "lpmethod 2\nrandomseed 7\n"
    artefact = Artefact(name="cplex.opt", sha256="0" * 64, size_bytes=24, kept_bytes=24)
    report = make_report([make_result("dual", artefacts=(artefact,))])
    inputs = Manifest(driver="parscen/parscen.run", files=(StagedFile(path="a.dd", size_bytes=3, sha256="1" * 64),))
    specs = {"cplex.dual": make_run_spec("dual", options=options, origin="_td_opt_files/cplex/dual.opt")}

    document = json.loads(write_manifest(report, tmp_path, specs=specs, inputs=inputs).read_text(encoding="utf-8"))
    (run,) = document["runs"]

    assert document["model"]["snapshot"] == "5d" * 32
    assert document["inputs"]["files"][0]["sha256"] == "1" * 64
    assert run["options"] == options
    assert run["options_sha256"] == hashlib.sha256(options.encode()).hexdigest()
    assert run["seeds"] == {"randomseed": "7"}
    assert (run["engine_version"], run["solver_version"], run["threads"]) == ("54.6.1", "22.2.0.0", 1)
    assert (run["host"], run["origin"]) == ("alpha", "_td_opt_files/cplex/dual.opt")
    assert run["artefacts"][0]["name"] == "cplex.opt"


def test_recommended_option_file_is_byte_for_byte_what_ran(
    make_report: MakeReport, make_result: MakeResult, make_run_spec: MakeRunSpec, tmp_path: Path
) -> None:
    options = "* mine\r\nlpmethod 2\r\nthreads 1"
    specs = {"cplex.dual": make_run_spec("dual", options=options)}

    paths = write_recommended(make_report([make_result("dual")]), tmp_path, specs=specs)

    assert [p.relative_to(tmp_path).as_posix() for p in paths] == ["recommended/cplex.opt", "recommended/README.txt"]
    assert paths[0].read_bytes() == options.encode()
    (line,) = paths[1].read_text(encoding="utf-8").splitlines()
    assert line.startswith("Copy cplex.opt into models/demo/parscen, beside parscen.run")
    assert "LP=CPLEX OPTFILE=1" in line


def test_own_option_file_that_is_recommended_stays_where_it_is(
    make_report: MakeReport, make_result: MakeResult, make_run_spec: MakeRunSpec, tmp_path: Path
) -> None:
    specs = {"cplex.current": make_run_spec("current", origin="parscen/cplex.opt")}

    _, readme = write_recommended(make_report([make_result("current")]), tmp_path, specs=specs)

    assert "your own option file (parscen/cplex.opt)" in readme.read_text(encoding="utf-8")


def test_highs_option_file_says_how_highs_takes_it(
    make_report: MakeReport, make_result: MakeResult, make_run_spec: MakeRunSpec, tmp_path: Path
) -> None:
    run = "highs.bar"
    spec = make_run_spec("bar", run=run, engine="highs", solver="highs", options="solver = ipm\n")

    paths = write_recommended(
        make_report([make_result("bar", solver="highs", engine="highs")]), tmp_path, specs={run: spec}
    )

    assert paths[0].name == "highs.opt"
    assert "highs --options_file highs.opt parscen.run" in paths[1].read_text(encoding="utf-8")


def test_nothing_is_written_where_nothing_is_recommended(
    make_report: MakeReport, make_result: MakeResult, tmp_path: Path
) -> None:
    assert write_recommended(make_report([make_result("dual", verdict=Verdict.LIMIT)]), tmp_path, specs={}) == ()
    assert list(tmp_path.iterdir()) == []


def test_trace_has_a_record_a_run_in_the_form_of_gams(
    make_report: MakeReport, make_result: MakeResult, tmp_path: Path
) -> None:
    lines = write_trace(make_report(), tmp_path / "scan.trc").read_text(encoding="utf-8").splitlines()
    records = [line.split(",") for line in lines if not line.startswith("*")]

    assert lines[0] == "* Trace Record Definition"
    names = [name for line in lines[2:4] for name in line.removeprefix("* ").strip(",").split(",")]
    assert all(len(record) == len(names) for record in records)
    first = dict(zip(names, records[0], strict=True))
    assert first["InputFileName"] == "parscen.run"
    assert first["SolverName"] == "CPLEX"
    assert first["OptionFile"] == "cplex.dual"
    assert first["ObjectiveValue"] == "6407967.45621011"
    assert (first["ModelStatus"], first["SolverStatus"], first["SolverTime"]) == ("1", "1", "0.033")
    assert first["JulianDate"].startswith(("46348.", "46347."))
    assert first["#User1"].startswith("#wall_s=10 host=alpha verdict=optimal")


def test_trace_gives_runs_without_status_the_codes_of_gams(
    make_report: MakeReport, make_result: MakeResult, tmp_path: Path
) -> None:
    none = dict.fromkeys(("model_status", "solver_status", "objective", "solver_time_s"))
    results = [
        make_result("dual", **none, verdict=Verdict.LIMIT),
        make_result("bar", **none, verdict=Verdict.LICENCE),
        make_result("a,b\nc", **none, verdict=None, state=RunState.LOST),
        make_result("never", started_ms=None, state=RunState.CANCELLED),
        make_result("typo", applied=False, verdict=Verdict.NOT_APPLIED),
    ]

    text = write_trace(make_report(results), tmp_path / "scan.trc").read_text(encoding="utf-8")
    records = [line.split(",") for line in text.splitlines() if not line.startswith("*")]

    assert [record[12:15] for record in records] == [
        ["cplex.dual", "14", "3"],
        ["cplex.bar", "11", "7"],
        ["cplex.a b c", "13", "13"],
    ]


def test_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    write_atomically(path, "old")

    write_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "new"

    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"folder' could not be written"):
        write_atomically(tmp_path / "folder", "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "report.csv"]
