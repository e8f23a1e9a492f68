"""Solvers without GAMS, for real: `make test-solvers` makes an environment that has them; CI runs it once."""

from __future__ import annotations

import importlib.util
import os

import pytest

from times_doctor_tasks.contract.hosts import NATIVE_SOLVERS
from times_doctor_worker.engines.discovery import PACKAGES


def require(package: str) -> None:
    """Skips a test without this package, but fails in the environment of `make test-solvers`, which has it."""
    if importlib.util.find_spec(package) is None:
        assert "TEST_SOLVERS" not in os.environ, f"{package} is not installed"
        pytest.skip(f"{package} is not installed: make test-solvers", allow_module_level=True)


@pytest.fixture(params=NATIVE_SOLVERS)
def solver(request: pytest.FixtureRequest) -> str:
    """Each solver; see `require`."""
    name = str(request.param)
    require(PACKAGES[name])
    return name
