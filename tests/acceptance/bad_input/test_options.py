from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.bad_input.conftest import MakeCase, Refuse
from tests.acceptance.conftest import Cli

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]


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
