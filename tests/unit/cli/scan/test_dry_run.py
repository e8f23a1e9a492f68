from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import Mock

import pytest

from times_doctor_cli.client.session import Client
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.scan.backends import Backend, private
from times_doctor_cli.scan.run import run
from times_doctor_tasks.contract.errors import (
    BrokerUnavailable,
    EngineNotFound,
    LocalStackFailed,
    NoHostForSolver,
    TimesDoctorError,
    UsageError,
)

LICENCE = "The GAMS demo licence ended on 2026-11-26. Get another."


def backend_without(error: TimesDoctorError) -> Backend:
    def connect(_: Mapping[str, str]) -> Client:
        raise error

    return Backend(True, connect, Mock(), Mock())


def look_at_plan(backend: Backend, folder: Path, **fields: object) -> int:
    request = ScanRequest(run_path=folder, **fields)  # type: ignore[arg-type]  # the tests' own words
    environ = {"HOME": str(folder), "TIMES_DOCTOR_CACHE_DIR": str(folder / "cache")}
    return run(request, backend, environ, dry_run=True, as_json=True)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    (tmp_path / "case.run").write_text("$include 'x.inc';\n")
    (tmp_path / "x.inc").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "error",
    [
        EngineNotFound(LICENCE),
        NoHostForSolver("No live host can take this scan: h1 has no GAMS."),
        BrokerUnavailable("redis://127.0.0.1:1/0", "connection refused"),
        LocalStackFailed("No server program was found."),
    ],
)
@pytest.mark.parametrize("queue", [True, False])
def test_a_plan_is_shown_whatever_is_missing_to_run_it(
    case: Path, capsys: pytest.CaptureFixture[str], error: TimesDoctorError, queue: bool
) -> None:
    assert look_at_plan(backend_without(error), case, queue=queue) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["warnings"] == [f"This scan could not start now. {error}"]
    assert plan["runs"][0]["run"] == "cplex.dual"
    assert ["inputs", "2 files, 1 kB: 1 driver, 1 included"] in plan["facts"]


@pytest.mark.parametrize("solver", ["gurobi", "baron", "both"])
def test_a_solver_that_nobody_has_yet_can_be_planned_for(
    case: Path, capsys: pytest.CaptureFixture[str], solver: str
) -> None:
    (case / "_td_opt_files" / "baron").mkdir(parents=True)
    (case / "_td_opt_files" / "baron" / "mine.opt").write_text("threads 1\n")
    assert look_at_plan(backend_without(EngineNotFound(LICENCE)), case, solver=solver) == 0
    assert json.loads(capsys.readouterr().out)["runs"]


def test_a_model_file_is_planned_without_highs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.lp").write_text("min\n x\nst\n c: x >= 1\nend\n")
    backend = backend_without(EngineNotFound("HiGHS is not installed: pip install '.[worker]' in a clone."))
    assert look_at_plan(backend, tmp_path) == 0
    assert "HiGHS is not installed" in json.loads(capsys.readouterr().out)["warnings"][0]


def test_no_server_program_is_a_remark_too(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert look_at_plan(private(None), case) == 0
    assert "needs a Redis or Valkey server" in json.loads(capsys.readouterr().out)["warnings"][0]


def test_every_missing_file_is_a_remark_and_the_plan_ends_as_the_scan_would(
    case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        "$include x.inc",
        "$include 'gone.inc';",
        "$batinclude initsys.mod",
        "$gdxin lost.gdx",
        "$include C:\\a.dd",
    ]
    (case / "case.run").write_text("\n".join(lines) + "\n")
    assert look_at_plan(backend_without(EngineNotFound(LICENCE)), case) == 2
    plan = json.loads(capsys.readouterr().out)
    for place in ("case.run:2 includes 'gone.inc'", "case.run:3 includes 'initsys.mod'", "case.run:4: $gdxin needs"):
        assert [said for said in plan["warnings"] if said.startswith(place)], place
    assert [said for said in plan["warnings"] if "an absolute path" in said]
    assert plan["runs"]


def test_many_missing_files_are_counted(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (case / "case.run").write_text("".join(f"$include gone{number}.inc\n" for number in range(50)))
    assert look_at_plan(backend_without(EngineNotFound(LICENCE)), case) == 2
    plan = json.loads(capsys.readouterr().out)
    assert len(plan["warnings"]) == 22
    assert plan["warnings"][-2] == "30 more files are missing."


def test_a_command_that_is_wrong_is_an_error_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No driver"):
        look_at_plan(backend_without(EngineNotFound(LICENCE)), tmp_path)
