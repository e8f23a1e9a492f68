from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import redis

from tests.unit.tasks.analysis.test_history import MODEL, contest, record
from times_doctor_cli.planning.runtime_estimates import (
    expected_memory,
    expected_runtimes,
    expected_words,
    history_for,
    history_words,
)
from times_doctor_cli.scan_state.rows import Row
from times_doctor_tasks.analysis.history import hashed
from times_doctor_tasks.contract.fingerprint import Fingerprint
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, Verdict
from times_doctor_tasks.testing.documents import make_run_spec

RUN = make_run_spec("dual")
BEFORE: dict[str, Any] = {"profile": "dual", "options": hashed(RUN.options), "threads": RUN.threads}


def test_a_run_is_expected_to_take_what_it_took_before() -> None:
    past = [record(scan, runtime_s=seconds, **BEFORE) for scan, seconds in enumerate([8.0, 10.0, 30.0])]
    assert expected_runtimes(past, MODEL, [RUN], {}) == {RUN.run: 10.0}


@pytest.mark.parametrize(
    "change",
    [
        {"options": "other"},
        {"threads": 8},
        {"verdict": Verdict.LIMIT},
        {"solver": "highs"},
        {"model": Fingerprint.of("another", "gams", 500_000, [b"base.dd"])},
    ],
)
def test_other_options_threads_and_models_and_failures_say_nothing(change: dict[str, Any]) -> None:
    assert expected_runtimes([record(1, **(BEFORE | change))], MODEL, [RUN], {}) == {}


def test_times_of_the_present_version_count_alone_where_there_are_any() -> None:
    past = [record(1, runtime_s=90.0, **BEFORE), record(2, runtime_s=60.0, version="23", **BEFORE)]
    assert expected_runtimes(past, MODEL, [RUN], {}) == {RUN.run: 60.0}
    assert expected_runtimes(past, MODEL, [RUN], {"cplex": "22"}) == {RUN.run: 90.0}
    assert expected_runtimes(past, MODEL, [RUN], {"cplex": "24"}) == {RUN.run: 75.0}


def test_a_sentence_says_what_was_best_for_this_model() -> None:
    past = [*contest(1, runtime_s=840.0), *contest(2, runtime_s=840.0), *contest(3, "dual", "bar", runtime_s=840.0)]
    assert history_words(past, MODEL, {}) == "for this model `cplex.bar` won 2 of 3 scans, about 14 min"


def test_what_was_best_for_models_like_it_is_said_where_it_is_new() -> None:
    new = Fingerprint.of("new", "gams", 600_000, [b"base.dd"])
    assert history_words(contest(1), new, {}) == "for models like this `cplex.bar` won 1 of 1 scan, about 10 s"
    assert history_words(contest(1), Fingerprint.of("new", "LP", 600_000, [b"base.dd"]), {}) == ""


def test_the_sentence_says_that_another_version_counts_half() -> None:
    words = history_words([*contest(1), *contest(2)], MODEL, {"cplex": "23"})
    assert words.endswith("about 10 s; all of them with another cplex than 23, which counts half")


def test_no_scan_fails_for_a_history_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise redis.ResponseError("WRONGTYPE")

    monkeypatch.setattr("times_doctor_cli.planning.runtime_estimates.past_runs", refuse)
    assert history_for(SimpleNamespace(store=None)) == []  # type: ignore[arg-type]  # what it is is not looked at


def test_a_run_needs_what_the_newest_with_its_profile_took_at_most() -> None:
    peaks = [9000.0, 100.0, 120.4, 90.0, 80.0, 70.0]
    past = [record(scan, "dual", memory_mb=peak, options="any", threads=9) for scan, peak in enumerate(peaks)]
    assert expected_memory([*past, record(9, memory_mb=5000.0)], MODEL, [RUN]) == {RUN.run: 121}
    assert expected_memory([record(1, "dual")], MODEL, [RUN]) == {}


def test_runs_are_expected_to_follow_each_other_on_the_slots() -> None:
    runs = [make_run_spec(run=str(n), threads=4, expected_s=s, expected_mb=n) for n, s in [(50, 600.0), (60, 300.0)]]
    assert (
        expected_words([*runs, runs[1]], 2, {})
        == "2 at once with 4 threads each, up to 60 MB a run, about 10 min in all"
    )
    assert expected_words(runs, 1, {}) == "one at a time with 4 threads, up to 60 MB a run, about 15 min in all"


def test_nothing_is_expected_of_runs_that_nobody_knows() -> None:
    assert expected_words([RUN], 1, {}) == ""
    known = make_run_spec(expected_s=9.0, mem_mb=100)
    assert expected_words([RUN, known], 8, {}) == "2 at once with 1 thread each, up to 100 MB a run"


def test_seats_of_a_scans_own_solvers_are_said() -> None:
    words = expected_words([RUN], 1, {"cplex": 2, "gurobi": 1})
    assert words == "one at a time with 1 thread, 2 seats of cplex for everybody"
    runs = [make_run_spec(run=str(n), expected_s=600.0) for n in range(4)]
    words = "one at a time with 1 thread, about 40 min in all, 1 seat of cplex for everybody"
    assert expected_words(runs, 4, {"cplex": 1}) == words


def row(**fields: Any) -> Row:
    return Row(
        number=1, run="r", solver="cplex", profile="p", threads=1, state=RunState.RUNNING,
        runtime_s=4.0, runtime_at_ms=0, **fields,
    )  # fmt: skip


def test_the_own_pace_counts_before_what_was_before() -> None:
    look = Progress(phase=Phase.BARRIER, eta_s=2.0)
    assert row(expected_s=60.0, progress=look).eta_s(0) == 2.0
    assert row(expected_s=60.0, progress=Progress(phase=Phase.SIMPLEX)).eta_s(1000) == 55.0


def test_a_run_that_takes_longer_than_before_has_no_eta() -> None:
    assert row(expected_s=3.0).eta_s(0) is None
    assert row().eta_s(0) is None
