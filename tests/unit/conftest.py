from __future__ import annotations

from collections.abc import Callable

import pytest

from times_doctor_tasks.contract.messages import Report, RunResult, RunSpec, ScanSpec
from times_doctor_tasks.testing import documents


@pytest.fixture
def make_result() -> Callable[..., RunResult]:
    return documents.make_result


@pytest.fixture
def make_scan_spec() -> Callable[..., ScanSpec]:
    return documents.make_scan_spec


@pytest.fixture
def make_run_spec() -> Callable[..., RunSpec]:
    return documents.make_run_spec


@pytest.fixture
def make_report() -> Callable[..., Report]:
    return documents.make_report
