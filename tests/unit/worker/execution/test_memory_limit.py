from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_worker.execution.memory_limit import limit_bytes, said_so, seems_killed
from times_doctor_worker.process.process_usage import oom_kills


def test_a_run_may_go_a_fifth_beyond_what_it_asked_for() -> None:
    assert limit_bytes(1000) == 1200 * 1024 * 1024
    assert limit_bytes(None) == float("inf")


@pytest.mark.parametrize(
    ("returncode", "text", "expected"),
    [
        (10, "*** Status: Out of memory\n", True),
        (137, "CPLEX Error  1001: Out of memory.\n", True),
        (-9, "terminate called after throwing an instance of 'std::bad_alloc'\n", True),
        (-9, "", False),
        (0, "out of memory is not what happened\n", False),
        (2, "out of memory\n", False),
        (10, "something else\n", False),
    ],
)
def test_an_engine_that_says_so_ran_out_of_memory(tmp_path: Path, returncode: int, text: str, expected: bool) -> None:
    log = tmp_path / "run.log"
    log.write_text("x" * 100_000 + "\n" + text)
    assert said_so(returncode, (tmp_path / "none", log)) is expected


@pytest.mark.parametrize(
    ("returncode", "solver_status", "expected"),
    [
        (-9, None, True),
        (137, 1, True),
        (144, None, True),
        (0, 13, True),
        (0, 1, False),
        (0, None, False),
        (3, 4, False),
    ],
)
def test_a_part_that_was_killed_shows_in_return_code_or_solver_status(
    returncode: int, solver_status: int | None, expected: bool
) -> None:
    assert seems_killed(returncode, solver_status) is expected


def test_the_kernel_says_how_often_it_killed() -> None:
    assert oom_kills() >= 0
