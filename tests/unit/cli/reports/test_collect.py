from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec import structs
from rich.console import Console

from times_doctor_cli.client.session import Client
from times_doctor_cli.live.report_output import reused_words, show_results
from times_doctor_cli.reports import collect
from times_doctor_cli.reports.collect import bring_results
from times_doctor_cli.reports.harvest import Harvest
from times_doctor_cli.reports.layout import REPORTS, saved_reports
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Artefact, Report, RunResult, RunSpec

MakeReport = Callable[..., Report]


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


@pytest.fixture
def client(blobs: FileBlobs) -> Client:
    return Client(SimpleNamespace(), blobs, "redis://b", Settings())  # type: ignore[arg-type]  # no broker is asked


def keep(blobs: FileBlobs, name: str, content: bytes) -> Artefact:
    sha256 = hashlib.sha256(content).hexdigest()
    blobs.put({sha256: content})
    return Artefact(name=name, sha256=sha256, size_bytes=len(content), kept_bytes=len(content))


@pytest.fixture
def report(blobs: FileBlobs, make_report: MakeReport, make_result: Callable[..., RunResult]) -> Report:
    log = keep(blobs, "run.log", b"solved\n")
    return make_report([make_result("dual", artefacts=(log,)), make_result("bar_nox", runtime_s=6.0)])


@pytest.fixture
def harvest(tmp_path: Path, report: Report, make_run_spec: Callable[..., RunSpec]) -> Harvest:
    runs = [make_run_spec(run.profile) for run in report.runs]
    return Harvest(tmp_path / "times_doctor_out" / report.scan, runs)


def test_everything_lands_in_the_scans_folder_and_the_reports_one_up(
    client: Client, report: Report, harvest: Harvest
) -> None:
    brought = bring_results(client, report, harvest)
    assert brought.warnings == ()
    assert (harvest.out / "scan_runs" / "cplex.dual" / "run.log").read_bytes() == b"solved\n"
    for name in ("scan_report.csv", "scan_report.json", "scan_report.html"):
        assert (harvest.out.parent / name).read_bytes() == (harvest.out / name).read_bytes()


def test_fetching_an_older_scan_leaves_the_newest_reports_on_top(
    client: Client, report: Report, harvest: Harvest
) -> None:
    bring_results(client, report, harvest)
    newest = (harvest.out.parent / "scan_report.json").read_bytes()
    older = Harvest(harvest.out.with_name("20250101-0000-aaaa"), harvest.runs)
    bring_results(client, report, older)
    assert (harvest.out.parent / "scan_report.json").read_bytes() == newest


def test_the_newest_scans_reports_are_on_top_though_an_older_one_was_copying_its_own(
    client: Client, report: Report, harvest: Harvest, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = harvest.out.parent
    older, newer = (Harvest(top / f"261128-101500-{tail}", harvest.runs) for tail in ("0001", "0002"))
    newer_report, write = structs.replace(report, warnings=("newest",)), write_atomically

    def write_with_the_other_one_between(path: Path, content: bytes) -> Path:
        monkeypatch.setattr(collect, "write_atomically", write)
        bring_results(client, newer_report, newer)
        return write(path, content)

    monkeypatch.setattr(collect, "write_atomically", write_with_the_other_one_between)
    bring_results(client, report, older)
    for name in REPORTS:
        assert (top / name).read_bytes() == (newer.out / name).read_bytes()


@pytest.mark.parametrize("missing", REPORTS)
def test_a_scan_is_found_by_its_folder_once_all_its_reports_are_there(
    client: Client, report: Report, harvest: Harvest, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UsageError("no room")

    ending = missing.partition(".")[2]
    monkeypatch.setattr(collect, f"write_{ending}", fail)
    with pytest.raises(UsageError, match="no room"):
        bring_results(client, report, harvest)
    assert saved_reports(harvest.out.parent) == []


@pytest.mark.parametrize("name", ["best", "991231-235959-47a1 (copy)"])
def test_a_folder_that_a_user_has_copied_is_not_the_newest_scan(
    name: str, client: Client, report: Report, harvest: Harvest
) -> None:
    real = Harvest(harvest.out.with_name("261128-101500-47a1"), harvest.runs)
    bring_results(client, report, Harvest(harvest.out.with_name(name), harvest.runs))
    bring_results(client, structs.replace(report, warnings=("newest",)), real)
    assert json.loads((harvest.out.parent / "scan_report.json").read_text())["warnings"] == ["newest"]
    assert saved_reports(harvest.out.parent)[-1].parent == real.out


def test_names_from_other_hosts_do_not_lead_out_of_the_folder(
    client: Client, blobs: FileBlobs, make_report: MakeReport, make_result: Callable[..., RunResult], tmp_path: Path
) -> None:
    evil = keep(blobs, "../../../evil.txt", b"x")
    report = make_report([make_result("dual", run="../../../out", artefacts=(evil,))])
    out = tmp_path / "deep" / "er" / "still" / "scan"
    bring_results(client, report, Harvest(out, []))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*evil*")}
    assert found == {"deep/er/still/scan/scan_runs/.._.._.._out/.._.._.._evil.txt"}


def test_files_that_are_gone_are_told_once_and_the_report_is_written_all_the_same(
    client: Client, report: Report, harvest: Harvest
) -> None:
    gone = Artefact(name="run.log", sha256="0" * 64, size_bytes=1, kept_bytes=1)
    lost = structs.replace(report, runs=tuple(structs.replace(run, artefacts=(gone,)) for run in report.runs))
    brought = bring_results(client, lost, harvest)
    (words,) = brought.warnings
    assert words.startswith("Files of cplex.dual, cplex.bar_nox are missing here. Blob 000000000000")
    assert json.loads((harvest.out / "scan_report.json").read_text())["warnings"] == [words]


@pytest.mark.parametrize(("names", "is_told"), [((), True), (("highs.opt",), True), (("run.log", "highs.opt"), False)])
def test_a_run_whose_host_had_no_room_for_its_files_is_told(
    client: Client, blobs: FileBlobs, report: Report, harvest: Harvest, names: tuple[str, ...], *, is_told: bool
) -> None:
    kept = tuple(keep(blobs, name, b"x") for name in names)
    ran = structs.replace(report.runs[0], artefacts=kept, directory="/cache/runs/s/cplex.dual.1")
    brought = bring_results(client, structs.replace(report, runs=(ran, report.runs[1])), harvest)
    words = "Files of cplex.dual are missing here. There was no room for them when they were solved"
    assert [warning.startswith(words) for warning in brought.warnings] == ([True] if is_told else [])


def test_reports_are_on_top_though_the_trace_file_cannot_be_written(
    client: Client, report: Report, harvest: Harvest, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="could not be written"):
        bring_results(client, report, structs.replace(harvest, trace=tmp_path / "file" / "scan.trc"))
    for name in REPORTS:
        assert (harvest.out.parent / name).read_bytes() == (harvest.out / name).read_bytes()


def test_files_of_a_reused_run_come_from_the_earlier_scans_folder(
    client: Client, report: Report, harvest: Harvest
) -> None:
    earlier = harvest.out.parent / "old" / "scan_runs" / "cplex.dual"
    earlier.mkdir(parents=True)
    (earlier / "run.lst").write_text("listing")
    gone = Artefact(name="run.lst", sha256="0" * 64, size_bytes=1, kept_bytes=1)
    reused = structs.replace(report.runs[0], reused_from="old", artefacts=(gone,))
    brought = bring_results(client, structs.replace(report, runs=(reused, report.runs[1])), harvest)
    assert brought.warnings == ()
    assert (harvest.out / "scan_runs" / "cplex.dual" / "run.lst").read_text() == "listing"
    assert reused_words(brought) == ["Taken from scan old, not run again: cplex.dual"]


def test_files_of_a_run_reused_under_another_name_are_those_of_the_run_that_was_solved(
    client: Client, report: Report, harvest: Harvest
) -> None:
    for run in ("cplex.bar_nox", "cplex.dual"):
        earlier = harvest.out.parent / "old" / "scan_runs" / run
        earlier.mkdir(parents=True)
        (earlier / "run.lst").write_text(f"listing of {run}")
    reused = structs.replace(report.runs[0], reused_from="old", directory="/cache/runs/old/cplex.bar_nox.1")
    bring_results(client, structs.replace(report, runs=(reused, report.runs[1])), harvest)
    assert (harvest.out / "scan_runs" / "cplex.dual" / "run.lst").read_text() == "listing of cplex.bar_nox"


def test_a_folder_that_takes_no_files_is_an_error_with_a_way_out(
    client: Client, report: Report, tmp_path: Path
) -> None:
    blocked = tmp_path / "times_doctor_out"
    blocked.write_text("a file, not a folder")
    with pytest.raises(UsageError, match=r"--out DIR"):
        bring_results(client, report, Harvest(blocked / report.scan, []))


def test_json_on_stdout_is_the_document_of_the_file(
    client: Client, report: Report, harvest: Harvest, capsys: pytest.CaptureFixture[str]
) -> None:
    brought = bring_results(client, report, harvest)
    show_results(brought, harvest, Console(file=io.StringIO()), as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads((harvest.out / "scan_report.json").read_text())


def test_warnings_stand_above_the_report(report: Report, harvest: Harvest) -> None:
    screen = io.StringIO()
    warned = structs.replace(report, warnings=("The sizes differ.",))
    show_results(warned, harvest, Console(file=screen, width=80, markup=False), as_json=False)
    assert screen.getvalue().startswith("! The sizes differ.\n\nUse cplex.bar_nox")


@pytest.mark.parametrize(
    ("best", "changes", "said"),
    [
        ("dual", {}, "Copy recommended/cplex.opt to "),
        ("current", {}, ""),
        ("dual", {"engine": "highs", "solver": "highs"}, "Use recommended/highs.opt"),
    ],
)
def test_what_to_copy_is_said_where_there_is_something_to_copy(
    best: str,
    changes: dict[str, str],
    said: str,
    make_report: MakeReport,
    make_result: Callable[..., RunResult],
    tmp_path: Path,
) -> None:
    report = make_report([make_result(best, **changes)])
    (tmp_path / "scan_report.json").touch()
    console = Console(file=(screen := io.StringIO()), width=80)

    show_results(report, Harvest(tmp_path, [], copy_to=tmp_path / "model"), console, as_json=False)

    shown = [line for line in screen.getvalue().splitlines() if "recommended/" in line]
    assert [line.startswith(said) for line in shown] == ([True] if said else [])
