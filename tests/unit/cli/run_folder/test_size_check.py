from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from times_doctor_cli.run_folder import size_check
from times_doctor_cli.run_folder.size_check import Sizes, size_warning, sizes_in
from times_doctor_tasks.contract.messages import RunResult

BLOCK = """MODEL STATISTICS

BLOCKS OF EQUATIONS          28     SINGLE EQUATIONS        {rows}
BLOCKS OF VARIABLES          10     SINGLE VARIABLES        {columns}
NON ZERO ELEMENTS        {nonzeros}

               S O L V E      S U M M A R Y

     MODEL   TIMES               OBJECTIVE  objz
     TYPE    LP                  DIRECTION  MINIMIZE
     SOLVER  CPLEX               FROM LINE  12

**** SOLVER STATUS     1 Normal Completion
**** MODEL STATUS      1 Optimal
**** OBJECTIVE VALUE                1.0000

"""

Result = Callable[..., RunResult]


@pytest.fixture
def listing(tmp_path: Path) -> Callable[..., Path]:
    def make(*sizes: tuple[str, str, str], filler: int = 0) -> Path:
        path = tmp_path / "parscen.lst"
        parts = [BLOCK.format(rows=r, columns=c, nonzeros=n) + "x" * 90 * filler + "\n" for r, c, n in sizes]
        path.write_text("GAMS 54.6.1\n" + "\n".join(parts))
        return path

    return make


def test_the_last_model_of_a_listing_counts(listing: Callable[..., Path]) -> None:
    path = listing(("1", "2", "3"), ("981", "1,423", "5,421"))
    assert sizes_in(path) == Sizes(981, 1423, 5421)


@pytest.mark.parametrize("step", [7, 16, 64, 1000])
def test_the_block_is_found_wherever_the_steps_cut_it(
    listing: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    path = listing(("981", "1,423", "5,421"), filler=3)
    monkeypatch.setattr(size_check, "_STEP_BYTES", step)
    assert sizes_in(path) == Sizes(981, 1423, 5421)


def test_a_listing_without_a_model_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.lst"
    path.write_text("GAMS 54.6.1\n")
    assert sizes_in(path) is None
    assert sizes_in(tmp_path / "gone.lst") is None


def test_the_same_sizes_are_no_news(listing: Callable[..., Path], make_result: Result) -> None:
    path = listing(("981", "1,423", "5,421"))
    assert size_warning([make_result("dual")], path) == ""
    assert size_warning([make_result("dual")], None) == ""


def test_other_sizes_are_told_with_both_figures(listing: Callable[..., Path], make_result: Result) -> None:
    path = listing(("980", "1,423", "5,420"))
    failed = make_result("bar", rows=None)
    words = size_warning([failed, make_result("dual")], path)
    assert "cplex.dual had 981 rows, 1,423 columns and 5,421 nonzeros" in words
    assert "parscen.lst, has 980 rows, 1,423 columns and 5,420 nonzeros" in words
