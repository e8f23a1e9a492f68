from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.bad_input.conftest import CORPUS, ONE, MakeCase, Refuse
from tests.acceptance.conftest import Cli

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: None, "is not there. Expected a run folder, or a .run, .gms, .mps, .mps.gz or .lp file"),
        (lambda p: p.mkdir(), "No driver in"),
        (lambda p: p.write_text("notes"), "is not a driver. Expected a run folder"),
        (lambda p: os.mkfifo(p), "is neither file nor folder"),
        (lambda p: p.symlink_to("gone"), "is not there"),
    ],
)
def test_a_path_that_is_no_run_folder(
    refuse: Refuse, tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "given"
    make(path)
    message = refuse(path)
    assert repr(str(path)) in message
    assert said in message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder")
def test_a_run_folder_that_may_not_be_read(refuse: Refuse, make_case: MakeCase) -> None:
    case = make_case()
    case.chmod(0)
    try:
        assert "cannot be read (Permission denied)" in refuse(case)
    finally:
        case.chmod(0o700)


def test_a_folder_of_cases_says_which_there_are(refuse: Refuse, make_case: MakeCase, tmp_path: Path) -> None:
    make_case(name="high")
    make_case(name="low")
    message = refuse(tmp_path)
    assert "holds no driver" in message
    assert "'high', 'low'" in message


def test_several_drivers_are_listed_with_a_command_that_works(refuse: Refuse, make_case: MakeCase) -> None:
    case = make_case(name="my case", driver="a.run")
    shutil.copy(case / "a.run", case / "b.run")
    message = refuse(case)
    assert "several drivers: 'a.run', 'b.run'" in message
    assert f"times-doctor scan '{case}/a.run'" in message


def test_a_folder_named_like_a_model_file_is_a_folder(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "x.mps").mkdir()
    assert "No driver in" in refuse(tmp_path / "x.mps")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("* one\n$include data/base.dd\n", "case.run:2 includes 'data/base.dd', which is in none of these folders"),
        ("\n\n$batinclude initsys.mod\n", "case.run:3 includes 'initsys.mod' of the TIMES source"),
        ("$gdxin prices.gdx\n", "case.run:1: $gdxin needs the GDX file 'prices.gdx'"),
        ("$include C:\\VEDA\\base.dd\n", "case.run:1 includes 'C:\\\\VEDA\\\\base.dd', an absolute path"),
        ("$include link.dd\n", "link to '/etc/hostname', outside of the folders of this model"),
        ("$include lost.dd\n", "is a link to 'elsewhere', where nothing is"),
        ("$include ..\\..\\..\\..\\..\\..\\..\\nowhere.dd\n", "which is in none of these folders"),
        (f"$include {'x' * 27_000}.dd\r\n", "(27,003 characters)"),
        ("$include ab.dd\n", "'ab.dd' may mean"),
    ],
    ids=["data", "source", "gdx", "absolute", "link out", "link to nothing", "dots", "long line", "case"],
)
def test_what_the_model_reads_and_is_not_there_is_named_with_its_line(
    refuse: Refuse, make_case: MakeCase, lines: str, said: str
) -> None:
    case = make_case(lines)
    (case / "link.dd").symlink_to("/etc/hostname")
    (case / "lost.dd").symlink_to("elsewhere")
    for name in ("Ab.dd", "aB.dd"):
        (case / name).touch()
    assert said in refuse(case)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{'x' * 230}.run", "it is too long (at most 200 bytes a part"),
        ("a:b.run", "a colon"),
        ("con.run", "a device name on Windows"),
        (os.fsdecode(b"caf\xe9.run"), "it is not text (bytes that are not UTF-8)"),
    ],
    ids=["long", "colon", "device", "no text"],
)
def test_a_name_that_no_solver_host_could_hold_is_refused(
    refuse: Refuse, make_case: MakeCase, name: str, said: str
) -> None:
    assert said in refuse(make_case(driver=name))


@pytest.mark.parametrize("name", ["with space", "ünï→☃", 'it\'s "q" $HOME & %s [red]', "-dash", "a..b", "n" * 180])
def test_odd_names_of_folders_do_no_harm(cli: Cli, sockets: Path, make_case: MakeCase, gams: Path, name: str) -> None:
    case = make_case("$include a b/.././ü x.dd\n", name=name, driver="it's a ü.run")
    (case / "a b").mkdir()
    (case / "ü x.dd").write_text("* data\n")
    code, report = cli.scan(case, "--gams-path", gams, *ONE)
    assert (code, [run["verdict"] for run in report["runs"]]) == (0, ["optimal"])
    assert (case / "times_doctor_out" / report["scan"] / "recommended" / "cplex.opt").is_file()
    assert list(sockets.iterdir()) == []


def test_windows_line_ends_other_code_pages_and_endless_lines_do_no_harm(
    cli: Cli, make_case: MakeCase, gams: Path
) -> None:
    case = make_case(b"$title caf\xe9\r\n$include DATA\\Long.dd\r\n$include %scen%.dd\r\n")
    (case / "data").mkdir()
    (case / "data" / "long.dd").write_bytes(b"\r\n".join([b"* \xe9" + b"x" * 27_000] * 50))
    (case / "cplex.opt").write_bytes(b"* \xe9t\xe9\r\nlpmethod 4\r\n")
    for number in range(2_000):
        (case / f"f{number}.dd").write_text(f"* {number}\r\n")
    code, report = cli.scan(case, "--gams-path", gams, "-p", "current")
    assert (code, report["runs"][0]["verdict"]) == (0, "optimal")
    manifest = json.loads((case / "times_doctor_out" / report["scan"] / "manifest.json").read_text())
    assert len(manifest["inputs"]["files"]) == 2_002


def test_a_listing_of_another_code_page_with_endless_lines_is_read(cli: Cli, tmp_path: Path) -> None:
    listing = (CORPUS / "cplex_d005_bar" / "listing.lst").read_bytes()
    odd = b"**** caf\xe9 " + b"x" * 27_000 + b"\n"
    (tmp_path / "run.lst").write_bytes((odd + listing + odd).replace(b"\n", b"\r\n"))
    done = cli.run("report", tmp_path / "run.lst", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "optimal"


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\xfe" * 1_000, b"nothing of a run\n"], ids=["empty", "bytes", "text"]
)
def test_a_listing_that_is_none_is_refused(cli: Cli, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.lst").write_bytes(content)
    done = cli.run("report", tmp_path / "run.lst")
    assert (done.returncode, done.stdout) == (2, "")
    expected = "expected a log or listing of GAMS, or a solver's log."
    assert f"Error: '{tmp_path}/run.lst' holds nothing of a run: {expected}" in done.stderr


def test_pipes_elsewhere_in_a_run_folder_are_not_read(cli: Cli, make_case: MakeCase, gams: Path) -> None:
    case = make_case()
    earlier = case / "times_doctor_out" / "earlier"
    earlier.mkdir(parents=True)
    for pipe in (case / "cplex.opt", case / "case.lst", case / "VTRUN.CMD", earlier / "scan_report.json"):
        os.mkfifo(pipe)
    code, report = cli.scan(case, "--gams-path", gams, "--resume", *ONE)
    assert (code, [run["run"] for run in report["runs"]]) == (0, ["cplex.dual"])


def test_two_scans_of_one_folder_at_once_do_not_mix(cli: Cli, make_case: MakeCase, gams: Path, sockets: Path) -> None:
    case = make_case()
    both = [cli.start("scan", case, "--gams-path", gams, "--json", "-p", name) for name in ("dual", "bar")]
    reports = []
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        reports.append(json.loads(out))
    assert [report["runs"][0]["profile"] for report in reports] == ["dual", "bar"]
    for report in reports:
        kept = json.loads((case / "times_doctor_out" / report["scan"] / "scan_report.json").read_text())
        assert [run["run"] for run in kept["runs"]] == [run["run"] for run in report["runs"]]
    assert list(sockets.iterdir()) == []
