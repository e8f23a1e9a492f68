from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_worker.memory_limit import limit_bytes, oom_kills, ran_out


def test_a_run_may_go_a_fifth_beyond_what_it_asked_for() -> None:
    assert limit_bytes(1000) == 1200 * 1024 * 1024
    assert limit_bytes(None) == float("inf")


@pytest.mark.parametrize(
    ("returncode", "text", "kills", "expected"),
    [
        (10, "*** Status: Out of memory\n", 0, True),
        (137, "CPLEX Error  1001: Out of memory.\n", 0, True),
        (-9, "terminate called after throwing an instance of 'std::bad_alloc'\n", 0, True),
        (-9, "", 1, True),
        (-9, "", 0, False),
        (0, "out of memory is not what happened\n", 1, False),
        (2, "out of memory\n", 0, False),
        (10, "something else\n", 3, False),
    ],
)
def test_want_of_memory_is_known_by_return_code_and_words(
    tmp_path: Path, returncode: int, text: str, kills: int, expected: bool
) -> None:
    log = tmp_path / "run.log"
    log.write_text("x" * 100_000 + "\n" + text)
    assert ran_out(returncode, (tmp_path / "none", log), kills=kills) is expected


def test_the_kernel_says_how_often_it_killed() -> None:
    assert oom_kills() >= 0
