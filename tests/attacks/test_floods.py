"""Models that write without end, against one real worker: each costs its run at most, and the worker no memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.flooding_gams import KINDS, install_flooding_gams
from tests.integration.workers import Broker, Team, Worker
from times_doctor_tasks.contract.messages import RunResult, encode
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(150)]

MODELS = Path(__file__).parents[1] / "recorded" / "models"
#: Megabytes of a flood: beyond what is read whole, of a log and of any other file.
LOG_MB, OTHER_MB = 80, 280
LOG_MAX_MB = 600
#: Kinds that take a minute to read, and no more memory than the others: measured once, left out here.
SLOW = ("stars", "solves", "latin")
#: What a worker may take at most, megabytes.
MOST_MB = 200


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Team, Worker]]:
    folder, broker = tmp_path_factory.mktemp("floods"), Broker()
    team = Team(folder, broker)
    gams = install_flooding_gams(folder / "gams")
    worker = team.worker("h1", GAMS_PATH=str(gams), TIMES_DOCTOR_LOG_MAX_MB=str(LOG_MAX_MB))
    yield team, worker
    team.close()
    broker.close()


def solve(team: Team, flood: str) -> RunResult:
    model = (MODELS / "denselp.gms").read_bytes() + f"\n* flood: {flood}\n* recording: denselp\n".encode()
    spec = team.submit({"dual": "lpmethod 2\n"}, model=model, engine="gams", solver="cplex", driver="denselp.gms")
    return team.report(spec, timeout_s=120).runs[0]


def peak_mb(worker: Worker) -> float:
    status = Path(f"/proc/{worker.process.pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.parametrize(
    "flood",
    [f"run.log {kind} {LOG_MB}" for kind in KINDS if kind not in SLOW]
    + [f"run.lst {kind} {OTHER_MB}" for kind in ("lines", "oneline")]
    + [pytest.param(f"run.lst stars {OTHER_MB}", marks=pytest.mark.sample)]
    + [f"{name} lines {OTHER_MB}" for name in ("trace.txt", "stdout.txt", "qa_check.log")],
)
def test_a_flood_costs_neither_the_run_nor_the_worker(flooded: tuple[Team, Worker], flood: str) -> None:
    team, worker = flooded
    run = solve(team, flood)
    assert (run.state, run.verdict, run.stop_reason) == (RunState.DONE, Verdict.OPTIMAL, None), run.sentence
    assert run.objective == pytest.approx(19448.0244285089)
    assert len(encode(run)) < 300_000
    assert all(artefact.kept_bytes < 51 << 20 for artefact in run.artefacts)
    assert peak_mb(worker) < MOST_MB


@pytest.mark.parametrize("name", ["run.log", "run.lst", "stdout.txt"])
def test_a_flood_without_end_is_stopped_and_the_run_says_so(flooded: tuple[Team, Worker], name: str) -> None:
    team, worker = flooded
    run = solve(team, f"{name} lines 100000")
    assert (run.state, run.stop_reason) == (RunState.FAILED, StopReason.LOG_TOO_LARGE)
    assert run.sentence.startswith("Stopped because its log grew too large")
    assert re.search(rf" {re.escape(name)} had [\d,]+ MB; this host allows {LOG_MAX_MB} MB\.$", run.sentence)
    assert "TIMES_DOCTOR_LOG_MAX_MB" in run.next_step
    assert peak_mb(worker) < MOST_MB
