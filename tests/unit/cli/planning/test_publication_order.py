from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from times_doctor_cli.planning.builder import longest_first
from times_doctor_tasks.contract.messages import ModelRef, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import ScanMode

Make = Callable[..., Any]


def make_spec(**fields: Any) -> ScanSpec:
    model = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="model/m.run")
    known: dict[str, Any] = {"mode": ScanMode.CHORD} | fields
    return ScanSpec(scan="s", created_ms=0, model=model, runs=("a", "b", "c"), **known)


@pytest.fixture
def runs(make_run_spec: Make) -> list[RunSpec]:
    seconds = {"dual": 5.0, "bar": 60.0, "sift": 20.0}
    return [msgspec.structs.replace(make_run_spec(name), expected_s=value) for name, value in seconds.items()]


def names(runs: Sequence[RunSpec]) -> list[str]:
    return [run.profile for run in runs]


def test_the_longest_run_is_published_first(runs: list[RunSpec]) -> None:
    assert names(longest_first(make_spec(), runs)) == ["bar", "sift", "dual"]


def test_a_round_of_repeats_stays_together(runs: list[RunSpec]) -> None:
    second = [msgspec.structs.replace(run, repeat=2) for run in runs]
    assert names(longest_first(make_spec(), [*runs, *second])) == ["bar", "sift", "dual"] * 2


@pytest.mark.parametrize("fields", [{"race": True}, {"cap_factor": 2.0}, {"mode": ScanMode.CHAIN}])
def test_whoever_wants_one_run_to_end_early_gets_the_order_given(runs: list[RunSpec], fields: dict[str, Any]) -> None:
    assert names(longest_first(make_spec(**fields), runs)) == names(runs)


def test_the_order_given_stays_where_a_runs_time_is_not_known(runs: list[RunSpec]) -> None:
    unknown = [*runs[:2], msgspec.structs.replace(runs[2], expected_s=None)]
    assert names(longest_first(make_spec(), unknown)) == names(runs)
