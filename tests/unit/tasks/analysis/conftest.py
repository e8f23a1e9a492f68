from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.recommendation import recommend
from times_doctor_tasks.contract.messages import Recommendation, RunResult, ScanSpec

MakeResult = Callable[..., RunResult]


Advise = Callable[..., Recommendation]


def repeats(make_result: MakeResult, profile: str, *times: float) -> list[RunResult]:
    return [make_result(profile, run=f"cplex.{profile}.{n}", runtime_s=t) for n, t in enumerate(times, start=1)]


@pytest.fixture
def advise(make_scan_spec: Callable[..., ScanSpec]) -> Advise:
    def advise(*results: RunResult, **changes: Any) -> Recommendation:
        spec = make_scan_spec(**changes)
        return recommend(results, compare(results, spec), spec)

    return advise
