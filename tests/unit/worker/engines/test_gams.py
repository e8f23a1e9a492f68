from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.snapshot.manifest import Manifest
from times_doctor_worker.engines.gams import GamsEngine, arguments, cut_licence
from times_doctor_worker.engines.port import Job


def make_job(folder: Path, solver: str = "cplex", **manifest: object) -> Job:
    run = RunSpec(
        scan="s", run="r", index=0, engine="gams", solver=solver, profile="p", options="lpmethod 2\n", threads=1
    )
    fields: dict[str, object] = {"driver": "model/m.run", "files": (), "idirs": ("model", "source")} | manifest
    return Job(run, Manifest(**fields), Path("/tree"), folder)  # type: ignore[arg-type]


def test_the_driver_comes_first_and_its_folders_in_gams_order(tmp_path: Path) -> None:
    words = arguments(make_job(tmp_path))
    assert words[:3] == ["/tree/model/m.run", "idir1=/tree/model", "idir2=/tree/source"]


def test_a_solver_for_discrete_models_too_is_named_for_all_three(tmp_path: Path) -> None:
    assert {"LP=CPLEX", "RMIP=CPLEX", "MIP=CPLEX"} <= set(arguments(make_job(tmp_path)))


def test_a_solver_for_lps_only_is_named_for_lp_alone(tmp_path: Path) -> None:
    words = arguments(make_job(tmp_path, "soplex"))
    assert "LP=SOPLEX" in words
    assert not [word for word in words if word.startswith(("MIP=", "RMIP="))]


def test_what_vtrun_says_travels_and_cannot_beat_what_we_need(tmp_path: Path) -> None:
    job = make_job(tmp_path, parameters=(("--DSC", "YES"),), restart="restart/t.g00", gdxpath="gamssave/")
    words = arguments(job)
    assert {"--DSC=YES", "r=/tree/restart/t.g00", "--GDXPATH=gamssave/"} <= set(words)
    assert words.index("--DSC=YES") < words.index("--ERR_ABORT=NO")


def test_the_option_file_stands_in_the_working_folder_where_the_solver_looks(tmp_path: Path) -> None:
    command = GamsEngine(Path("/gams/gams"), "54", {"PATH": "/bin"}, Path("/gams")).prepare(make_job(tmp_path))
    assert (tmp_path / "cplex.opt").read_text() == "lpmethod 2\n"
    assert command.log == tmp_path / "run.log"
    assert command.argv[0] == "/gams/gams"


@pytest.mark.parametrize("ending", [b"", b"**** Current license content:\n  secret-key\n  more\n"])
def test_a_licence_never_stays_in_a_listing(tmp_path: Path, ending: bytes) -> None:
    listing = tmp_path / "run.lst"
    listing.write_bytes(b"**** Terminated due to a licensing error\n" + ending)
    cut_licence(listing)
    content = listing.read_bytes()
    assert content.startswith(b"**** Terminated")
    assert b"secret-key" not in content


def test_a_missing_listing_holds_no_licence(tmp_path: Path) -> None:
    cut_licence(tmp_path / "run.lst")
