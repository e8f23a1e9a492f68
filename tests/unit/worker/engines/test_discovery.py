from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from times_doctor_tasks.contract.hosts import WorkerPlan
from times_doctor_worker.engines import discovery
from times_doctor_worker.engines.discovery import Found, find_engine
from times_doctor_worker.engines.native.engine import NativeEngine

PLAN = WorkerPlan(broker_url="redis://h", store_url="redis", host="h", cores=1, memory_mb=1, cache_dir="/tmp")
TODAY = date(2026, 11, 28)


def found(monkeypatch: pytest.MonkeyPatch, told: dict[str, str], name: str = "cplex") -> Found:
    monkeypatch.setattr(discovery, "_probed", lambda *_: told)
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: object())
    monkeypatch.setattr("importlib.metadata.version", lambda *_: "22.2.0.1")
    return find_engine(name, PLAN, {"GRB_LICENSE_FILE": "/l", "SECRET": "x"}, today=TODAY)


def test_a_solver_says_what_its_licence_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = found(monkeypatch, {"free": "1,000 rows and 1,000 columns", "until": "2027-11-29"})
    assert isinstance(seen.engine, NativeEngine)
    assert (seen.engine.name, seen.engine.version, seen.solvers) == ("cplex", "22.2.0.1", ("cplex.cplex",))
    assert seen.licence == "size-limited: 1,000 rows and 1,000 columns, until 2027-11-29"
    assert (seen.expires, seen.notes) == (date(2027, 11, 29), ())
    assert dict(seen.engine.environ) == {"GRB_LICENSE_FILE": "/l"}


def test_a_solver_without_size_limit_says_so_among_what_it_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, {"until": ""}).solvers == ("cplex.cplex", "full.cplex")


@pytest.mark.parametrize(
    ("free", "step"),
    [({"free": "1,000 rows"}, "a newer cplex, or a licence of your own, goes on."), ({}, "renew it.")],
)
def test_a_licence_that_ends_soon_is_a_note(monkeypatch: pytest.MonkeyPatch, free: dict[str, str], step: str) -> None:
    assert found(monkeypatch, {"until": "2026-12-01"} | free).notes == (
        f"The CPLEX licence ends on 2026-12-01: {step}",
    )


@pytest.mark.parametrize(
    ("told", "step"),
    [
        ({"why": "libcplex.so is missing"}, "See that `python -c 'import cplex'` works for the worker's user."),
        ({"why": "License expired", "licence": "at X: renew it"}, "Its licence is at X: renew it."),
    ],
)
def test_a_solver_that_does_not_load_or_has_no_licence_is_not_offered_and_says_why(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], step: str
) -> None:
    seen = found(monkeypatch, told)
    assert (seen.engine, seen.solvers) == (None, ())
    assert seen.notes == (f"CPLEX cannot be used: {told['why']}. {step}",)


def test_a_host_without_an_extra_has_nothing_to_say_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    assert find_engine("copt", PLAN, {}, today=TODAY) == Found()
    assert "pip install '.[worker]'" in find_engine("highs", PLAN, {}, today=TODAY).notes[0]


@pytest.mark.parametrize(
    ("versions", "solvers", "said"),
    [
        ({"highspy": "1.15.1", "highspy-extras": "1.15.1"}, ("highs.highs", "highs.hipo"), "with HiPO 1.15.1"),
        ({"highspy": "1.16.0", "highspy-extras": "1.15.1"}, ("highs.highs",), "does not fit HiGHS 1.16.0"),
    ],
)
def test_hipo_is_there_where_both_packages_are_of_one_version(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], solvers: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: object())
    monkeypatch.setattr("importlib.metadata.version", lambda name: versions[name])
    seen = find_engine("highs", PLAN, {})
    assert seen.solvers == solvers
    assert said in f"{seen.licence} {seen.notes}"


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("print('noise'); print('{\"until\": \"\"}')", None),
        ("import os; os.abort()", "exit code -6"),
        ("print('12:01 [ERROR] Empty signature'); print('{\"why\": \"4\"}')", "4; Empty signature"),
        ("raise ImportError('libcplex.so: cannot open')", "ImportError: libcplex.so: cannot open"),
    ],
)
def test_what_a_solver_prints_or_how_it_breaks_down_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, why: str | None
) -> None:
    (tmp_path / "stub.py").write_text(program)
    monkeypatch.setattr(discovery, "PROGRAM", "stub")
    told = discovery._probed("cplex", {"PYTHONPATH": str(tmp_path)})
    assert told.get("why") == why
