from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.unit.cli.scans import (
    barrier,
    dual_simplex,
)
from times_doctor_cli.terminal.signs import ASCII, UNICODE
from times_doctor_cli.views.live.progress import progress_cell
from times_doctor_tasks.contract.progress import Phase, Progress


@pytest.mark.parametrize(
    ("look", "width", "text"),
    [
        (dual_simplex(), 30, "dual obj 6.408e6 1,240 it/s"),
        (dual_simplex(), 23, "obj 6.408e6 1,240 it/s"),
        (dual_simplex(), 18, "6.408e6 1,240 it/s"),
        (dual_simplex(), 16, "dual obj 6.408e6"),
        (dual_simplex(), 7, "6.408e6"),
        (Progress(phase=Phase.SIMPLEX, infeasibility=3.21e-3, objective=1.0), 18, "infeas 3.2e-3"),
        (Progress(phase=Phase.SIFTING, iteration=7, objective=1074551350.79), 18, "obj 1.075e9"),
        (Progress(phase=Phase.CONCURRENT), 18, ""),
        (Progress(phase=Phase.SIMPLEX, iteration=4340), 18, "4,340 it"),
        (Progress(phase=Phase.COMPILE, detail="initmty.vda"), 18, "initmty.vda"),
        (
            Progress(phase=Phase.SIMPLEX, solve=12, objective=6.4e6, iteration=5, speed_per_s=99),
            18,
            "#12 6.4e6 99 it/s",
        ),
        (Progress(phase=Phase.MIP, objective=51234.5, gap_rel=0.0123, iteration=7), 30, "gap 1.2%, best 5.123e4"),
        (Progress(phase=Phase.MIP, objective=51234.5, gap_rel=0.0123, iteration=7), 18, "gap 1.2% 5.123e4"),
        (Progress(phase=Phase.MIP, objective=51234.5, gap_rel=0.0123, iteration=7), 12, "gap 1.2%"),
        (Progress(phase=Phase.MIP, objective=1.0, gap_rel=17.9), 18, "gap 1790%, best 1"),
        (
            Progress(phase=Phase.MIP, objective=4261, gap_rel=5e-3, iteration=7, speed_per_s=6),
            22,
            "gap 0.5%, best 4261",
        ),
        (Progress(phase=Phase.MIP, gap_rel=None, iteration=1234), 30, "no solution yet, 1,234 nodes"),
        (barrier(0.999), 15, "━━━━━━━━━─  99%"),
        (barrier(1.0), 15, "━━━━━━━━━━ 100%"),
        (barrier(0.0), 15, "──────────   0%"),
        (barrier(7.0), 15, "━━━━━━━━━━ 100%"),
    ],
)
def test_progress_has_a_bar_only_where_a_fraction_exists(look: Progress, width: int, text: str) -> None:
    assert progress_cell(look, width, UNICODE).plain == text


@pytest.mark.parametrize("width", range(1, 40))
def test_progress_never_leaves_its_column(width: int) -> None:
    looks = [dual_simplex(), barrier(), Progress(phase=Phase.COMPILE, detail="x" * 60)]
    looks.append(of_solve(dual_simplex(), solve=120))

    assert max(cell_len(progress_cell(look, width, ASCII).plain) for look in looks) <= max(width, 5)


def of_solve(look: Progress, *, solve: int) -> Progress:
    return Progress(phase=look.phase, solve=solve, iteration=look.iteration, objective=look.objective, speed_per_s=1.0)
