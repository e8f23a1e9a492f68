from __future__ import annotations

from typing import Any

import msgspec
import pytest

from times_doctor_tasks.analysis.history import RunRecord, records_of, standings
from times_doctor_tasks.contract.fingerprint import Fingerprint
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.contract.states import StopReason, Verdict
from times_doctor_tasks.testing.documents import make_report, make_result, make_run_spec

MODEL = Fingerprint.of("parscen", "gams", 500_000, [b"base.dd"])


def report_of(*results: RunResult, model: Fingerprint | None = MODEL) -> Report:
    report = make_report(results)
    ref = msgspec.structs.replace(report.spec.model, fingerprint=model)
    return msgspec.structs.replace(report, spec=msgspec.structs.replace(report.spec, model=ref))


def records(*results: RunResult, **words: Any) -> list[RunRecord]:
    return records_of(report_of(*results, **words), [make_run_spec(result.profile) for result in results])


def record(scan: int, profile: str = "bar", **fields: Any) -> RunRecord:
    known: dict[str, Any] = {
        "model": MODEL, "scan": str(scan), "run": f"cplex.{profile}", "at_ms": scan, "solver": "cplex",
        "profile": profile, "options": "", "threads": 1, "version": "22", "verdict": Verdict.OPTIMAL, "runtime_s": 10.0,
    }  # fmt: skip
    return RunRecord(**(known | fields))


def contest(scan: int, winner: str = "bar", loser: str = "dual", **fields: Any) -> list[RunRecord]:
    return [record(scan, winner, won=True, **fields), record(scan, loser, **fields)]


def test_each_run_that_ended_leaves_what_the_history_needs() -> None:
    slow, fast = records(make_result("dual", quality={"gap": 1e-9}), make_result("bar", runtime_s=4.0))
    assert (slow.won, fast.won) == (False, True)
    assert (fast.name, fast.version, fast.host, fast.threads) == ("cplex.bar", "22.2.0.0", "alpha", 1)
    assert (fast.runtime_s, fast.quiet_s, fast.cpu_s, fast.memory_mb) == (4.0, 4.0, 4.0, 57.4)
    assert slow.quality == {"gap": 1e-9}
    assert len(slow.options) == 16


def test_nobody_wins_a_tie() -> None:
    assert not any(run.won for run in records(make_result("dual"), make_result("bar")))


@pytest.mark.parametrize("reason", [StopReason.USER, StopReason.HOST_LOST, StopReason.SHUTDOWN])
def test_what_says_nothing_of_its_profile_is_not_kept(reason: StopReason) -> None:
    assert records(make_result(stop_reason=reason)) == []
    assert records(make_result(runtime_s=None)) == []
    assert records(make_result(reused_from="earlier")) == []
    assert records(make_result(), model=None) == []


def test_a_run_that_wanted_memory_is_kept() -> None:
    assert records(make_result(stop_reason=StopReason.OUT_OF_MEMORY))[0].out_of_memory


def test_the_profile_that_won_most_scans_is_first() -> None:
    best, other = standings([*contest(1), *contest(2), *contest(3, "dual", "bar")])
    assert (best.profile, best.won, best.contests) == ("cplex.bar", 2, 3)
    assert (other.profile, other.won, other.contests) == ("cplex.dual", 1, 3)


def test_a_scan_of_one_profile_decides_nothing() -> None:
    (only,) = standings([record(1, won=True)])
    assert (only.won, only.contests, only.solved, only.runtime_s) == (0, 0, 1, 10.0)


def test_a_newer_version_of_the_solver_weakens_old_times() -> None:
    old = [*contest(1, version="21"), *contest(2, version="21"), *contest(3, version="21")]
    new = [*contest(4, "dual", "bar", runtime_s=2.0), *contest(5, "dual", "bar", runtime_s=2.0)]
    best, other = standings([*old, *new])
    assert (best.profile, best.won, best.older, best.weight, best.runtime_s) == ("cplex.dual", 2, 3, 2.0, 2.0)
    assert (other.profile, other.won, other.older, other.weight) == ("cplex.bar", 3, 3, 1.5)


def test_the_version_that_is_here_counts_even_where_it_never_ran() -> None:
    best = standings(contest(1), {"cplex": "23"})[0]
    assert (best.version, best.older, best.weight, best.runtime_s) == ("23", 1, 0.5, 10.0)


def test_repeats_of_a_scan_are_one_scan() -> None:
    best = standings([*contest(1), *(msgspec.structs.replace(one, run="again") for one in contest(1))])[0]
    assert (best.won, best.contests, best.runs) == (1, 1, 2)
