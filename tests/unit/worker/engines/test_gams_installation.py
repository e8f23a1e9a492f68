from __future__ import annotations

import json
import os
import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.recorded.install import install_recorded_gams
from times_doctor_tasks.contract.errors import EngineNotFound
from times_doctor_worker.engines import gams_installation
from times_doctor_worker.engines.gams_installation import clean_environ, find_gams, lp_solvers

TODAY = date(2026, 11, 23)
NO_GAMS = {"PATH": "/nowhere", "HOME": "/nowhere"}


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return install_recorded_gams(tmp_path / "gams54", speed=0, licence_until="Nov 26, 2026")


@pytest.fixture
def without_gamspy_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("times_doctor_worker.engines.gams_installation.importlib.util.find_spec", lambda name: None)


def _script(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "gams"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return script


def test_a_gams_says_version_licence_and_system_folder(recorded: Path) -> None:
    system = find_gams(explicit=recorded, environ=NO_GAMS, today=TODAY)

    assert (system.version, system.source, system.path) == ("54.6.1", "--gams-path", recorded / "gams")
    assert (system.licence.kind, system.licence.expires) == ("demo", date(2026, 11, 26))
    assert system.system_dir.name == "recorded"  # as it says itself; the launcher is somewhere else


def test_folder_and_executable_name_the_same_gams(recorded: Path) -> None:
    by_folder = find_gams(explicit=recorded, environ=NO_GAMS, today=TODAY)

    assert find_gams(explicit=recorded / "gams", environ=NO_GAMS, today=TODAY) == by_folder


def test_places_are_tried_in_their_order(recorded: Path, tmp_path: Path) -> None:
    other = install_recorded_gams(tmp_path / "other")
    named = {**NO_GAMS, "GAMS_PATH": str(recorded)}
    on_path = {**NO_GAMS, "PATH": f"{recorded}"}

    assert find_gams(explicit=recorded, configured=other, environ=on_path).source == "--gams-path"
    assert find_gams(configured=recorded, configured_by="times-doctor.toml", environ=on_path).source == (
        "times-doctor.toml"
    )
    assert find_gams(environ={**named, "PATH": f"{other}"}).path == recorded / "gams"
    assert find_gams(environ=on_path).source == "PATH"


def test_an_empty_gams_path_is_not_set(recorded: Path) -> None:
    environ = {**NO_GAMS, "GAMS_PATH": "", "PATH": f"{recorded}"}

    assert find_gams(environ=environ).source == "PATH"


@pytest.mark.parametrize(
    ("name", "what"), [("missing", "not there"), ("empty", "a folder without a gams executable"), ("file", "not an ex")]
)
def test_a_named_gams_that_is_none_is_an_error_and_no_other_is_taken(
    recorded: Path, tmp_path: Path, name: str, what: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")

    with pytest.raises(EngineNotFound, match=what) as caught:
        find_gams(explicit=tmp_path / name, configured=recorded, environ={"PATH": str(recorded)})

    assert "--gams-path names" in str(caught.value)
    assert "https://www.gams.com/download/" in str(caught.value)


@pytest.mark.usefixtures("without_gamspy_base")
def test_no_gams_at_all_names_every_place_and_the_way_out() -> None:
    with pytest.raises(EngineNotFound) as caught:
        find_gams(environ=NO_GAMS)

    for place in ("--gams-path", "configuration", "GAMS_PATH", "PATH", "gamspy-base", "pip install gamspy-base"):
        assert place in str(caught.value)


@pytest.mark.parametrize("text", ["exit 0", "echo hello", "echo 'no such option' >&2; exit 2"])
def test_a_program_that_is_no_gams_is_told_apart(tmp_path: Path, text: str) -> None:
    with pytest.raises(EngineNotFound, match="does not answer like GAMS"):
        find_gams(explicit=_script(tmp_path / "x", text), environ=NO_GAMS)


def test_a_gams_without_a_licence_still_says_its_version(tmp_path: Path) -> None:
    invalid = "echo '*** Error: The installed license /x/gamslice.txt is invalid.'; exit 7"
    audit = "echo 'GAMSX            54.6.1 20a39885 Oct 24, 2026          LEG x86 64bit/Linux'"

    system = find_gams(
        explicit=_script(tmp_path / "x", f'if [ "$1" = audit ]; then {audit}; else {invalid}; fi'), environ=NO_GAMS
    )

    assert (system.version, system.licence.kind) == ("54.6.1", "none")
    assert system.licence.text == "The installed license /x/gamslice.txt is invalid."


def test_answers_are_remembered_for_the_day(recorded: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = find_gams(explicit=recorded, environ=NO_GAMS, cache_dir=cache, today=TODAY)
    solvers = first.usable_solvers(NO_GAMS, today=TODAY)
    stamp = (recorded / "gams").stat()
    _script(recorded, "echo it was asked again >&2; exit 1")
    os.utime(recorded / "gams", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    again = find_gams(explicit=recorded, environ=NO_GAMS, cache_dir=cache, today=TODAY)

    assert again == first
    assert again.usable_solvers(NO_GAMS, today=TODAY) == solvers == ("cplex",)
    with pytest.raises(EngineNotFound):
        find_gams(explicit=recorded, environ=NO_GAMS, cache_dir=cache, today=date(2026, 11, 24))


@pytest.mark.parametrize("place", ["system", "user"])
def test_a_new_licence_file_is_noticed(recorded: Path, tmp_path: Path, place: str) -> None:
    environ = {**NO_GAMS, "HOME": str(tmp_path / "home")}
    cache = tmp_path / "cache"
    find_gams(explicit=recorded, environ=environ, cache_dir=cache, today=TODAY)
    stamp = (recorded / "gams").stat()
    install_recorded_gams(recorded, licence_until="Apr 2, 2027")
    os.utime(recorded / "gams", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    folder = recorded if place == "system" else tmp_path / "home" / ".local/share/GAMS"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gamslice.txt").write_text("")

    licence = find_gams(explicit=recorded, environ=environ, cache_dir=cache, today=TODAY).licence

    assert licence.expires == date(2027, 4, 2)


def test_a_damaged_or_unwritable_cache_costs_nothing_but_time(recorded: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for content in ("{", "[]", json.dumps({str(recorded / "gams"): {"key": "other", "about": 5}})):
        (cache / "gams-system.json").write_text(content)
        assert find_gams(explicit=recorded, environ=NO_GAMS, cache_dir=cache, today=TODAY).version == "54.6.1"
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert find_gams(explicit=recorded, environ=NO_GAMS, cache_dir=blocked, today=TODAY).version == "54.6.1"


def test_no_licence_id_is_kept(recorded: Path, tmp_path: Path) -> None:
    find_gams(explicit=recorded, environ=NO_GAMS, cache_dir=tmp_path, today=TODAY)

    text = (tmp_path / "gams-system.json").read_text()

    assert "G000000" not in text
    assert "0000-0000" not in text


def test_a_solver_that_is_listed_and_not_licensed_is_not_usable(recorded: Path, tmp_path: Path) -> None:
    system = find_gams(explicit=recorded, environ=NO_GAMS, today=TODAY)
    folder = tmp_path / "system"
    folder.mkdir()
    shutil.copy(system.system_dir / "gmscmpun.txt", folder)
    listed = (folder / "gmscmpun.txt").read_text()
    unlicensed = "HIGHS 2011 5 HI 1 0 2 LP MIP\nx\n\n"
    (folder / "gmscmpun.txt").write_text(unlicensed + listed)
    system = gams_installation.GamsSystem(system.path, system.version, system.source, folder, system.licence)

    assert lp_solvers(folder) == ["HIGHS", "CPLEX"]
    assert system.usable_solvers(NO_GAMS) == ("cplex",)


def test_an_installation_without_a_list_of_solvers_has_none(tmp_path: Path) -> None:
    assert lp_solvers(tmp_path) == []


def test_gams_gets_what_it_needs_and_no_credential() -> None:
    environ = {
        "PATH": "/bin",
        "HOME": "/home/m",
        "LC_NUMERIC": "C",
        "GRB_LICENSE_FILE": "/l/gurobi.lic",
        "TIMES_DOCTOR_BROKER_URL": "redis://:secret@host/0",
        "TIMES_DOCTOR_STORE_URL": "s3://bucket",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "ILOG_CPLEX_PARAMETER_FILE": "/home/m/cplex.prm",
        "LD_PRELOAD": "/tmp/x.so",
        "PYTHONPATH": "/x",
    }

    assert clean_environ(environ) == {
        "PATH": "/bin",
        "HOME": "/home/m",
        "LC_NUMERIC": "C",
        "GRB_LICENSE_FILE": "/l/gurobi.lic",
    }
