from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from times_doctor_cli.veda.placement import Placement, changes, choose_run, folder_of, is_vedas, place
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Report, RunSpec

MakeReport = Callable[..., Report]


def spec_of(run: str, options: str = "lpmethod 2\n", *, origin: str = "built in") -> RunSpec:
    solver, profile = run.split(".")[:2]
    return RunSpec(
        scan="s1", run=run, index=0, engine="gams", solver=solver, profile=profile, options=options, origin=origin
    )


RUNS = [spec_of("cplex.dual.1"), spec_of("cplex.dual.2"), spec_of("cplex.bar"), spec_of("gurobi.bar")]


def report_on(make_report: MakeReport, folder: Path, recommended: str | None = "cplex.bar") -> Report:
    report = make_report()
    model = msgspec.structs.replace(report.spec.model, run_dir=str(folder))
    spec = msgspec.structs.replace(report.spec, model=model)
    recommendation = msgspec.structs.replace(report.recommendation, run=recommended)
    return msgspec.structs.replace(report, spec=spec, recommendation=recommendation)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (None, "cplex.bar"),
        ("dual", "cplex.dual.1"),
        ("cplex.dual", "cplex.dual.1"),
        ("cplex.dual.2", "cplex.dual.2"),
        ("gurobi.bar", "gurobi.bar"),
    ],
)
def test_the_recommended_profile_or_the_named_one_is_meant(
    profile: str | None, expected: str, make_report: MakeReport, tmp_path: Path
) -> None:
    assert choose_run(report_on(make_report, tmp_path), RUNS, profile).run == expected


@pytest.mark.parametrize(
    ("recommended", "profile", "words"),
    [
        (None, None, "recommends no profile"),
        ("cplex.bar", "sift", "It has: cplex.dual, cplex.bar, gurobi.bar"),
        ("cplex.bar", "bar", "Say which: cplex.bar or gurobi.bar"),
    ],
)
def test_a_profile_that_is_not_clear_is_refused_in_words(
    recommended: str | None, profile: str | None, words: str, make_report: MakeReport, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        choose_run(report_on(make_report, tmp_path, recommended), RUNS, profile)


def test_it_goes_under_the_name_that_stands_there(tmp_path: Path) -> None:
    (tmp_path / "CPLEX.OPT").write_bytes(b"lpmethod 4\r\n")
    found = place(RUNS[0], tmp_path)
    assert (found.target, found.before) == (tmp_path / "CPLEX.OPT", "lpmethod 4\r\n")


def scanned(folder: Path, report: Report) -> Path:
    saved_in = folder / "times_doctor_out" / report.scan
    saved_in.mkdir(parents=True)
    (folder / Path(report.spec.model.driver).name.upper()).touch()
    return saved_in


def test_the_run_folder_in_which_the_report_lies_is_meant_also_where_it_was_copied(
    make_report: MakeReport, tmp_path: Path
) -> None:
    (tmp_path / "original").mkdir()
    report = report_on(make_report, tmp_path / "original")
    saved_in = scanned(tmp_path / "copy", report)
    assert folder_of(report, saved_in, None) == tmp_path / "copy"
    assert folder_of(report, None, None) == tmp_path / "original"
    (tmp_path / "elsewhere" / "times_doctor_out").mkdir(parents=True)  # of --out: no driver above it
    assert folder_of(report, tmp_path / "elsewhere" / "times_doctor_out", None) == tmp_path / "original"


def test_another_folder_can_be_named(make_report: MakeReport, tmp_path: Path) -> None:
    report = report_on(make_report, tmp_path / "gone")
    (tmp_path / "AppData").mkdir()
    assert folder_of(report, scanned(tmp_path / "copy", report), tmp_path / "AppData") == tmp_path / "AppData"


def test_a_run_folder_of_another_machine_is_said_to_be_one(make_report: MakeReport, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not on this machine.*--to DIR"):
        folder_of(report_on(make_report, tmp_path / "gone"), None, None)


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        (None, "lpmethod 4\n", ([], ["lpmethod 4"])),
        ("LPMETHOD 4\n", "lpmethod 4\n", ([], [])),
        ("* mine\nlpmethod 2\nthreads 7\n", "lpmethod 4\nthreads 7\n", (["lpmethod 2"], ["lpmethod 4"])),
        ("lpmethod 1\nlpmethod 2\n", "lpmethod 4\n", (["lpmethod 2"], ["lpmethod 4"])),
    ],
)
def test_only_options_that_change_are_shown(
    before: str | None, text: str, expected: tuple[list[str], list[str]]
) -> None:
    assert changes(Placement(Path("cplex.opt"), text, "cplex.bar", "cplex", before)) == expected


def test_a_folder_of_vedas_is_known_by_its_script(tmp_path: Path) -> None:
    assert not is_vedas(tmp_path)
    (tmp_path / "VTRUN.CMD").write_text("")
    assert is_vedas(tmp_path)
