from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from times_doctor_cli.planning.hosts import Fleet
from times_doctor_cli.planning.reuse import Earlier, earlier_in, is_reusable, reuse
from times_doctor_cli.reports.writers.json_report import write_json
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.messages import Report, RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState, Verdict

HOST = HostCard(
    host="h1",
    instance="i",
    pid=1,
    roles=("solve",),
    slots=1,
    cores=8,
    memory_mb=8_000,
    queues=(),
    engines={"gams": "54.6.1"},
    solvers=("gams.cplex",),
)
FLEET = Fleet("gams", (HOST,), (HOST,))


@pytest.fixture
def spec(make_scan_spec: Callable[..., ScanSpec]) -> ScanSpec:
    return make_scan_spec(runs=("cplex.dual",))


@pytest.fixture
def run(make_run_spec: Callable[..., RunSpec]) -> RunSpec:
    return make_run_spec("dual", scan="new", threads=2)


@pytest.fixture
def earlier(spec: ScanSpec, run: RunSpec, make_result: Callable[..., RunResult]) -> Earlier:
    return Earlier(spec.model.snapshot, structs.replace(run, scan="old"), make_result("dual", scan="old"))


def taken(spec: ScanSpec, run: RunSpec, *earlier: Earlier) -> RunResult | None:
    (found,) = reuse(spec, [run], FLEET, earlier)
    return found.reused


def test_a_run_with_the_same_inputs_takes_the_earlier_result_and_says_so(
    spec: ScanSpec, run: RunSpec, earlier: Earlier
) -> None:
    result = taken(spec, run, earlier)
    assert result is not None
    assert (result.scan, result.run, result.reused_from) == ("new", "cplex.dual", "old")
    assert result.sentence == "Taken from scan old, which had the same inputs. Solved to optimality."
    assert result.objective == earlier.result.objective


def test_another_model_is_run_again(spec: ScanSpec, run: RunSpec, earlier: Earlier) -> None:
    other = Earlier("6e" * 32, earlier.run, earlier.result)
    assert taken(spec, run, other) is None


@pytest.mark.parametrize("change", [{"options": "lpmethod 2\n"}, {"threads": 4}, {"repeat": 2}, {"solver": "gurobi"}])
def test_another_option_text_or_thread_is_run_again(
    spec: ScanSpec, run: RunSpec, earlier: Earlier, change: dict[str, object]
) -> None:
    changed = structs.replace(earlier.run, **change)
    assert taken(spec, run, Earlier(earlier.snapshot, changed, earlier.result)) is None


@pytest.mark.parametrize("version", ["54.6.0", None])
def test_another_or_unknown_version_of_the_engine_is_run_again(
    spec: ScanSpec, run: RunSpec, earlier: Earlier, version: str | None
) -> None:
    result = structs.replace(earlier.result, engine_version=version)
    assert taken(spec, run, Earlier(earlier.snapshot, earlier.run, result)) is None


@pytest.mark.parametrize(
    ("state", "verdict", "counts"),
    [
        (RunState.DONE, Verdict.OPTIMAL, True),
        (RunState.DONE, Verdict.INFEASIBLE, True),
        (RunState.DONE, Verdict.LIMIT, False),
        (RunState.DONE, Verdict.NOT_APPLIED, False),
        (RunState.CANCELLED, Verdict.OPTIMAL, False),
        (RunState.FAILED, Verdict.LICENCE, False),
        (RunState.LOST, None, False),
    ],
)
def test_only_a_proof_is_worth_keeping(
    make_result: Callable[..., RunResult], state: RunState, verdict: Verdict | None, counts: bool
) -> None:
    assert is_reusable(make_result(state=state, verdict=verdict)) is counts


def test_of_several_results_the_newest_is_taken(spec: ScanSpec, run: RunSpec, earlier: Earlier) -> None:
    newer = structs.replace(earlier.result, scan="newer", finished_ms=(earlier.result.finished_ms or 0) + 1)
    result = taken(spec, run, Earlier(earlier.snapshot, earlier.run, newer), earlier)
    assert result is not None
    assert result.reused_from == "newer"


def test_a_result_that_was_taken_itself_names_the_scan_that_ran(spec: ScanSpec, run: RunSpec, earlier: Earlier) -> None:
    first = taken(spec, run, earlier)
    assert first is not None
    again = taken(spec, structs.replace(run, scan="newest"), Earlier(earlier.snapshot, run, first))
    assert again is not None
    assert (again.scan, again.reused_from, again.sentence) == ("newest", "old", first.sentence)


def test_earlier_runs_are_read_from_the_reports_of_the_run_folder(
    tmp_path: Path, make_report: Callable[..., Report], make_run_spec: Callable[..., RunSpec]
) -> None:
    report = make_report()
    specs = {name: make_run_spec(name.split(".")[1]) for name in report.spec.runs}
    write_json(report, tmp_path / report.scan, specs=specs)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "scan_report.json").write_text("{")
    found = list(earlier_in(tmp_path))
    assert [one.run.run for one in found] == ["cplex.dual", "cplex.bar_nox"]
    assert {one.snapshot for one in found} == {report.spec.model.snapshot}
    assert list(earlier_in(tmp_path / "gone")) == []
