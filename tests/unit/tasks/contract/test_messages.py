from __future__ import annotations

from typing import Any

import msgspec
import pytest

from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.messages import (
    SCHEMA,
    AggregateTask,
    ModelRef,
    Noted,
    ProgressMade,
    RunSpec,
    ScanSpec,
    SolveTask,
    StateChanged,
    decode,
    decode_event,
    encode,
    from_task,
    to_task,
)
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, ScanMode, Verdict

TASK = {"schema": SCHEMA, "scan": "261123-142305-a1f3", "run": "cplex.dual"}


def make_run(**fields: Any) -> RunSpec:
    known: dict[str, Any] = {
        "scan": "s", "run": "cplex.p", "index": 0, "engine": "gams", "solver": "cplex", "profile": "p", "options": "",
    }  # fmt: skip
    return RunSpec(**{**known, **fields})


def test_a_task_message_comes_back_as_it_was_sent() -> None:
    task = SolveTask(scan="s", run="cplex.dual.2")
    assert from_task(to_task(task), SolveTask) == task


def test_a_task_message_carries_its_schema_also_where_it_is_the_default() -> None:
    assert to_task(AggregateTask(scan="s"))["schema"] == SCHEMA
    assert b'"schema"' in encode(make_run())


@pytest.mark.parametrize(
    "raw",
    [
        {**TASK, "more": 1},
        {key: value for key, value in TASK.items() if key != "run"},
        {**TASK, "run": 7},
        {**TASK, "schema": SCHEMA + 1},
        {**TASK, "run": "../../etc/cron.d/x"},
        {**TASK, "run": ".."},
        {**TASK, "scan": "a/b"},
        {**TASK, "scan": "a b"},
        {**TASK, "scan": ""},
        {**TASK, "scan": "x" * 500},
        [],
        "text",
        None,
    ],
)
def test_a_task_message_that_is_not_exactly_one_is_refused(raw: object) -> None:
    with pytest.raises(SchemaMismatch):
        from_task(raw, SolveTask)


@pytest.mark.parametrize(
    "fields",
    [{"run": "../x"}, {"solver": "../x"}, {"engine": "a/b"}, {"options": "x" * 70_000}, {"scan": "a\n"}],
)
def test_a_run_that_would_lead_outside_its_folder_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(SchemaMismatch):
        decode(encode(make_run(**fields)), RunSpec)


@pytest.mark.parametrize(
    "limits",
    [{"lease_s": 0.1}, {"lease_s": 1e9}, {"max_attempts": 0}, {"max_attempts": 10**6}, {"grace_s": 0.0},
     {"stop_cap_s": -1.0}],
)  # fmt: skip
def test_a_scan_whose_limits_no_host_could_keep_is_refused(limits: dict[str, Any]) -> None:
    model = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="m.gms")
    spec = ScanSpec(scan="s", created_ms=0, mode=ScanMode.CHORD, model=model, runs=("cplex.p",), **limits)
    with pytest.raises(SchemaMismatch):
        decode(encode(spec), ScanSpec)


def test_a_profile_named_in_any_language_can_run() -> None:
    assert decode(encode(make_run(run="cplex.größe_2")), RunSpec).run == "cplex.größe_2"


def test_a_document_of_a_newer_minor_version_is_read_without_what_is_new() -> None:
    raw = msgspec.json.encode({**msgspec.to_builtins(make_run()), "colour": "blue"})
    assert decode(raw, RunSpec) == make_run()


def test_a_document_of_another_major_names_both_versions() -> None:
    raw = msgspec.json.encode({**msgspec.to_builtins(make_run()), "schema": 9})
    with pytest.raises(SchemaMismatch, match=r"schema 9; this version reads \[1\]"):
        decode(raw, RunSpec)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[]", b'{"kind":"surprise"}'])
def test_what_is_no_event_is_refused_in_words(raw: bytes) -> None:
    with pytest.raises(SchemaMismatch, match="cannot be read"):
        decode_event(raw)


@pytest.mark.parametrize(
    "event",
    [
        StateChanged(run="r", attempt=2, state=RunState.DONE, host="h", verdict=Verdict.OPTIMAL),
        ProgressMade(run="r", progress=Progress(phase=Phase.BARRIER, fraction=0.5), runtime_s=3.0),
        Noted(run="r", text="a line"),
    ],
)
def test_an_event_comes_back_as_it_was_told(event: Any) -> None:
    assert decode_event(encode(event)) == event


def test_a_small_event_stays_small() -> None:
    assert len(encode(StateChanged(run="cplex.dual", attempt=1, state=RunState.RUNNING, host="h1"))) < 120
