from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from times_doctor_tasks.analysis.run_times import Measure, delay_share, measure_of, other_wait_s, quiet_s, time_s
from times_doctor_tasks.contract.messages import RunResult

MakeResult = Callable[..., RunResult]
_BUSY: dict[str, Any] = {"runtime_s": 10.0, "cpu_s": 4.0, "run_delay_s": 5.9, "threads": 1}


def test_wait_for_a_core_is_taken_out_of_a_run_on_one_thread(make_result: MakeResult) -> None:
    run = make_result(**_BUSY)

    assert quiet_s(run) == pytest.approx(10 * 4 / 9.9)
    assert delay_share(run) == pytest.approx(0.59)


@pytest.mark.parametrize(
    ("changes", "measure"),
    [
        ({}, Measure.QUIET),
        ({"run_delay_s": None}, Measure.CPU),
        ({"cpu_s": None, "run_delay_s": None}, Measure.WALL),  # an older worker
        ({"threads": 2}, Measure.WALL),
        ({"threads": None}, Measure.WALL),
        ({"cpu_s": 10.9}, Measure.WALL),  # more than there was
        ({"cpu_s": 0.0}, Measure.WALL),
        ({"run_delay_s": 3.0}, Measure.WALL),  # it waited for something else
    ],
)
def test_one_run_without_a_measure_takes_it_from_all(
    changes: Mapping[str, Any], measure: Measure, make_result: MakeResult
) -> None:
    runs = [make_result(**_BUSY), make_result(**(_BUSY | dict(changes)))]

    assert measure_of(runs) is measure
    assert all(time_s(run, measure) is not None for run in runs)


def test_a_wait_that_is_no_wait_for_a_core_is_told(make_result: MakeResult) -> None:
    assert other_wait_s(make_result(**(_BUSY | {"run_delay_s": 3.0}))) == pytest.approx(3.0)
    assert other_wait_s(make_result(runtime_s=0.4, cpu_s=0.1, run_delay_s=0.1)) == 0.0  # starting takes as long
    assert other_wait_s(make_result(**(_BUSY | {"run_delay_s": 3.0, "threads": 4}))) == 0.0
