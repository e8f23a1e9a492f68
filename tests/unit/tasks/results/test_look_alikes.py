"""Floods of lines that look like those of GAMS or a solver: the run's own answer stays, and the flood is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tasks.parsers.cases import FILES, Case, read_contents, reading_of
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.results import log_text
from times_doctor_tasks.results.run_reader import RunReading, read_native_run

pytestmark = pytest.mark.timeout(240)  # a guard against endless parsing, not a speed

HIGHS = Path(__file__).parents[3] / "data" / "highs_logs"
LOG, LISTING, TRACE = FILES
#: Of a longer log or listing the two ends are read, in these tests.
WHOLE_BYTES, END_BYTES = 100_000, 30_000
BOUNDS = {
    "WHOLE_BYTES": WHOLE_BYTES,
    "LISTING_BYTES": WHOLE_BYTES,
    "END_BYTES": END_BYTES,
    "LISTING_END_BYTES": END_BYTES,
}
SUMMARY = "               S O L V E      S U M M A R Y\n     MODEL   x                   OBJECTIVE  z\n"
LINES = {
    LISTING: [
        "**** MODEL STATUS 1 Optimal\n",
        "**** MODEL STATUS      4 Infeasible\n",
        "**** SOLVER STATUS     1 Normal Completion\n**** MODEL STATUS      19 Infeasible\n",
        "**** SOLVER STATUS     1 Normal Completion\n**** MODEL STATUS      1 Optimal\n**** OBJECTIVE VALUE  7.0\n",
        f"{SUMMARY}**** SOLVER STATUS     1 Normal Completion\n**** MODEL STATUS      4 Infeasible\n",
        "**** SOLVE from line 5 ABORTED, EXECERROR = 1\n",
        "**** OBJECTIVE VALUE  7.0\n",
        "LP status (3): infeasible.\n",
    ],
    LOG: [
        "--- Generating LP model m\n--- Executing CPLEX (Solvelink=2): elapsed 0:00:00.1\n",
        "*** SOLVE from line 36 ABORTED, EXECERROR = 1\n",
        "*** Error 140 in m.gms\n    Unknown symbol\n",
        "**** MODEL STATUS 4 Infeasible\n",
    ],
    TRACE: ["m.gms,LP,CPLEX,CONOPT,CPLEX,99999.9,1,501,1001,0,100342,0,1,4,1,7.0,NA,0.228,649,NA,NA,#\n"],
}
NAMES = ["gen_dense_dual", "own_infeas_iis", "fail_mip_infeasible"]


def read(name: str, contents: dict[str, bytes | None]) -> RunReading:
    return read_contents(
        {file: Case(name).content(file) for file in FILES} | contents, returncode=Case(name).meta.get("returncode")
    )


def flooded(content: bytes, line: str, place: float, size_bytes: int) -> bytes:
    at = content.find(b"\n", int(len(content) * place)) + 1 or len(content)
    return content[:at] + line.encode() * (size_bytes // len(line)) + content[at:]


@pytest.mark.parametrize("size_bytes", [20_000, 2 * WHOLE_BYTES])
@pytest.mark.parametrize(("file", "line"), [(file, line) for file, lines in LINES.items() for line in lines])
def test_a_flood_of_look_alike_lines_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, file: str, line: str, size_bytes: int
) -> None:
    for name, most in BOUNDS.items():
        monkeypatch.setattr(log_text, name, most)
    for name in NAMES:
        content, whole = Case(name).content(file), reading_of(name)
        assert content is not None
        assert whole.last_solve is not None
        for place in (0.5, 0.98, 1.0):
            found = read(name, {file: flooded(content, line, place, size_bytes)})
            assert found.last_solve is not None
            assert (name, place, found.verdict) == (name, place, whole.verdict)
            assert found.last_solve.objective == pytest.approx(whole.last_solve.objective, abs=1e-3)
            if file != TRACE and size_bytes > WHOLE_BYTES:
                assert f"Of the {'log' if file == LOG else 'listing'} " in "".join(found.messages[:2])


def test_the_record_that_shows_more_solves_is_named() -> None:
    content = Case("gen_dense_dual").content(LISTING)
    assert content is not None
    more = flooded(content, LINES[LISTING][5], 1.0, 1000)
    assert read("gen_dense_dual", {LISTING: more}).messages[0].startswith("The listing shows solves that ")
    # Without a trace there is no third one to say which is right.
    assert "shows solves" not in "".join(read("gen_dense_dual", {LISTING: more, TRACE: None}).messages)


@pytest.mark.parametrize(
    "line", ["  Model status        : Infeasible\n", "Solving report\n  Status            Infeasible\n", "ERROR:   x\n"]
)
@pytest.mark.parametrize("place", [0.5, 1.0])
def test_a_solvers_own_answer_stays_whatever_its_log_is_flooded_with(tmp_path: Path, line: str, place: float) -> None:
    log = tmp_path / "run.log"
    log.write_bytes(flooded((HIGHS / "simplex.log").read_bytes(), line, place, 2 * WHOLE_BYTES))
    final = {"model_status": "Optimal", "objective": 3.25}
    found = read_native_run(log, returncode=0, final=final)
    assert found.last_solve is not None
    assert (found.verdict, found.last_solve.objective) == (Verdict.OPTIMAL, 3.25)
