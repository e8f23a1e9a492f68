from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.contract.states import StopReason, Verdict
from times_doctor_tasks.parsers.events import (
    BarrierIteration,
    LogEvent,
    MipNode,
    ModelSize,
    PhaseStarted,
    SimplexIteration,
    SolverEnded,
)
from times_doctor_tasks.parsers.highs.log import HighsLogReader
from times_doctor_tasks.results.run_files import RunFiles
from times_doctor_tasks.results.run_reader import read_native_run, read_run

LOGS = Path(__file__).parents[4] / "data" / "highs_logs"
TRUTH: dict[str, dict[str, Any]] = json.loads((LOGS / "truth.json").read_text("utf-8"))
VERDICTS = {
    "Optimal": Verdict.OPTIMAL,
    "Infeasible": Verdict.INFEASIBLE,
    "Unbounded": Verdict.UNBOUNDED,
    "Iteration limit reached": Verdict.LIMIT,
    "Time limit reached": Verdict.LIMIT,
    "Empty": Verdict.COMPILE_ERROR,
}


def _events(name: str) -> list[LogEvent]:
    reader = HighsLogReader()
    return reader.feed((LOGS / f"{name}.log").read_text("utf-8")) + reader.close()


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_a_bare_log_agrees_with_highs_itself(name: str) -> None:
    truth = TRUTH[name]
    reading = read_native_run(LOGS / f"{name}.log", returncode=0)
    solve = reading.last_solve
    assert reading.verdict is VERDICTS[truth["status"]]
    assert solve is not None
    assert solve.lp_status_text == truth["status"]
    assert reading.complete
    if truth["status"] == "Optimal":
        assert solve.objective == pytest.approx(truth["objective"], rel=1e-9)
        counts = sum(max(0, truth[kind]) for kind in ("simplex", "ipm", "xover", "pdlp"))
        assert solve.iterations == counts
        assert solve.basis == (None if solve.model_type == "MIP" else "vertex" if truth["basis"] == "1" else "interior")
    if solve.model_type == "MIP" and truth["status"] == "Optimal":
        assert solve.nodes == truth["nodes"]
        assert solve.bound == pytest.approx(truth["bound"])


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_a_cut_log_of_highs_never_gives_another_verdict(name: str, tmp_path: Path) -> None:
    content = (LOGS / f"{name}.log").read_bytes()
    whole = read_native_run(LOGS / f"{name}.log").verdict
    for left in range(1, len(content), max(1, len(content) // 40)):
        (tmp_path / "cut.log").write_bytes(content[:-left])
        found = read_native_run(tmp_path / "cut.log").verdict
        assert found in {whole, Verdict.INTERRUPTED}, f"{left} bytes cut"


def test_a_bare_highs_log_is_known_by_its_beginning() -> None:
    assert read_run(RunFiles(LOGS / "simplex.log")).solver == "HIGHS"


def test_sizes_and_ranges_come_from_the_log() -> None:
    reading = read_native_run(LOGS / "simplex.log")
    solve = reading.last_solve
    assert solve is not None
    assert (solve.model, solve.rows, solve.columns, solve.nonzeros) == ("DemoS_006", 649, 838, 3204)
    assert (solve.presolved_rows, solve.presolved_columns, solve.presolved_nonzeros) == (417, 637, 2519)
    assert solve.matrix is not None
    assert (solve.matrix.minimum, solve.matrix.maximum) == (0.1, 3e4)


def test_rows_of_every_table_are_read() -> None:
    simplex = [event for event in _events("simplex") if isinstance(event, SimplexIteration)]
    assert simplex == [
        SimplexIteration(0, "", 2.1636387761e05, "", 9.69775e06),
        SimplexIteration(575, "", 3.2140101727e06, "", 0.0),
    ]
    barrier = [event for event in _events("ipm") if isinstance(event, BarrierIteration)]
    assert [row.iteration for row in barrier] == list(range(27))
    assert barrier[-1] == BarrierIteration(26, 3.21401017e06, 3.21401017e06, 1.46e-14, None, 8.88e-16)
    nodes = [event for event in _events("mip") if isinstance(event, MipNode)]
    assert nodes[-1] == MipNode(1, 0, 35.0, 35.3, 0.0086, 3)
    assert SolverEnded("HiGHS", None, "Optimal") in _events("mip")


def test_phases_of_an_interior_point_run_come_in_their_order() -> None:
    phases = [event.phase for event in _events("ipm") if isinstance(event, PhaseStarted)]
    assert phases == [Phase.GENERATE, Phase.PRESOLVE, Phase.BARRIER, Phase.CROSSOVER]


def test_a_stop_of_ours_names_itself(tmp_path: Path) -> None:
    text = (LOGS / "simplex.log").read_text("utf-8")
    (tmp_path / "run.log").write_text(text[: text.index("Performed postsolve")], "utf-8")
    reading = read_native_run(tmp_path / "run.log", returncode=-15, stop_reason=StopReason.TIMEOUT)
    assert reading.verdict is Verdict.LIMIT
    assert "time limit" in reading.judgement.sentence


def test_a_model_of_one_row_one_column_and_one_nonzero_is_read() -> None:
    reader = HighsLogReader()
    events = reader.feed("Running HiGHS 1.16.0 (git hash: f3f113d)\nLP tiny has 1 row; 1 col; 1 nonzero\n")
    sizes = [event for event in events if isinstance(event, ModelSize)]
    assert [(size.rows, size.columns, size.nonzeros) for size in sizes] == [(1, 1, 1)]
