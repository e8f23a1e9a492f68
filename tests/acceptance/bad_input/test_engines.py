from __future__ import annotations

import gzip
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.acceptance.bad_input.conftest import ONE, MakeCase, Refuse
from tests.acceptance.conftest import Cli
from tests.recorded.install import install_recorded_gams

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]


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


def test_a_licence_that_ends_within_two_weeks_is_warned_of_at_the_start(
    cli: Cli, make_case: MakeCase, tmp_path: Path
) -> None:
    soon = date.today() + timedelta(days=5)
    gams = install_recorded_gams(tmp_path / "g", speed=0, licence_until=f"{soon:%b} {soon.day}, {soon.year}")
    done = cli.run("scan", make_case(), "--gams-path", gams, *ONE)
    assert done.returncode == 0, done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert said.index(f"ends in 5 days, on {soon}") < said.index("cplex.dual")


@pytest.mark.parametrize(
    "left", ["mkfifo run.log", "ln -s ../../../../../secret run.log", "ln -s run.log run.log", "mkdir run.log"]
)
def test_a_log_that_an_engine_made_something_else_of_is_neither_waited_for_nor_followed(
    cli: Cli, make_case: MakeCase, tmp_path: Path, left: str
) -> None:
    gams = install_recorded_gams(tmp_path / "g", speed=0)
    (gams / "gams").rename(gams / "real")
    secret = tmp_path / "secret"
    secret.write_text("Barrier password\n" * 10)
    words = left.replace("../../../../../secret", str(secret))
    (gams / "gams").write_text(
        f'#!/bin/sh\n{gams}/real "$@" || exit\ncase "$1" in */case.run) rm -f run.log; {words};; esac\n'
    )
    (gams / "gams").chmod(0o755)
    code, report = cli.scan(make_case(), "--gams-path", gams, *ONE, "--out", tmp_path / "out")
    (run,) = report["runs"]
    assert (code, run["verdict"]) == (0, "optimal")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and b"password" in path.read_bytes()]
