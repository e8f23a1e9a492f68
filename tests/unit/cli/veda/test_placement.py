from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from times_doctor_cli.veda.placement import Placement, changes, choose_run, is_vedas, place
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


def test_it_goes_beside_the_driver_under_the_name_that_stands_there(make_report: MakeReport, tmp_path: Path) -> None:
    (tmp_path / "CPLEX.OPT").write_bytes(b"lpmethod 4\r\n")
    found = place(report_on(make_report, tmp_path), RUNS[0], None)
    assert (found.target, found.before) == (tmp_path / "CPLEX.OPT", "lpmethod 4\r\n")


def test_another_folder_can_be_named(make_report: MakeReport, tmp_path: Path) -> None:
    other = tmp_path / "AppData"
    other.mkdir()
    found = place(report_on(make_report, tmp_path / "gone"), RUNS[0], other)
    assert (found.target, found.before, found.is_done) == (other / "cplex.opt", None, False)


def test_a_run_folder_of_another_machine_is_said_to_be_one(make_report: MakeReport, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not on this machine.*--to DIR"):
        place(report_on(make_report, tmp_path / "gone"), RUNS[0], None)


def test_your_own_option_file_stays_where_it_is(make_report: MakeReport, tmp_path: Path) -> None:
    current = spec_of("cplex.current", origin="/models/cplex.opt")
    with pytest.raises(UsageError, match="your own option file"):
        place(report_on(make_report, tmp_path), current, None)


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
