from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.contract.states import RunState
from times_doctor_worker.execution.attempt import Attempt


@pytest.mark.parametrize(
    ("engine", "solver", "options"),
    [("highs", "highs", "threads = 1\nsolution_file = /etc/x\n"), ("gams", "cplex", "threads 1\nuserheurcall x\n")],
)
def test_a_host_refuses_options_that_reach_out_whatever_client_sent_them(
    engine: str, solver: str, options: str
) -> None:
    run = RunSpec(scan="s", run="r", index=0, engine=engine, solver=solver, profile="p", options=options)
    line = SimpleNamespace(run=run, spec=None, fence=SimpleNamespace(attempt=1))
    result = Attempt(cast(Any, SimpleNamespace(host="h1")), cast(Any, line)).perform()
    assert result.state is RunState.FAILED
    assert result.sentence is not None
    assert result.sentence.startswith("Refused by host h1. Line 2 of the option file 'p'")
