"""Solvers without GAMS, for real: `make test-solvers` makes an environment that has them; CI runs it once."""

from __future__ import annotations

import importlib.util
import os

import pytest

from times_doctor_tasks.contract.hosts import NATIVE_SOLVERS
from times_doctor_worker.engines.discovery import PACKAGES


@pytest.fixture(params=NATIVE_SOLVERS)
def solver(request: pytest.FixtureRequest) -> str:
    """Each solver; one that is not installed skips, but where the environment is made for them."""
    name = str(request.param)
    if importlib.util.find_spec(PACKAGES[name]) is None:
        assert "TEST_SOLVERS" not in os.environ, f"{PACKAGES[name]} is not installed"
        pytest.skip(f"{PACKAGES[name]} is not installed: make test-solvers")
    return name
