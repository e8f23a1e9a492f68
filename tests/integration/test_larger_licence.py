"""A model that is too large for one host's licence is tried once on a host whose licence has no limit."""

from __future__ import annotations

import pytest

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Team, endless_mps
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.keys import host_queue
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

#: Passes for Gurobi: it takes so many columns, and finds the same value for everything.
STAND_IN = """
from types import SimpleNamespace

MOST_COLUMNS = {most}
gurobi = SimpleNamespace(version=lambda: (13, 0, 3))

class GurobiError(Exception):
    def __init__(self, errno, message):
        super().__init__(message)
        self.errno = errno

class Env:
    def __init__(self, empty=False): pass
    def setParam(self, name, value): pass
    def start(self): pass

class Model:
    LicenseExpiration = 99999999
    NumConstrs = NumNZs = 1
    Status, ObjVal, BarIterCount, IterCount, Work, IsMIP = 2, 7.0, 0, 3, 0.1, 0
    ConstrVio = BoundVio = DualVio = 0.0
    def __init__(self, env, columns=0): self.NumVars = columns
    def getParamInfo(self, name): return (name, int, 0)
    def terminate(self): pass
    def getVars(self): return [SimpleNamespace(VBasis=0)]
    def optimize(self):
        if self.NumVars > MOST_COLUMNS: raise GurobiError(10010, "Model too large for size-limited license")

def read(path, env): return Model(env, open(path).read().count("x"))
"""
LP = b"Minimize\n c: x0 + x1\nSubject To\n r: x0 + x1 >= 1\nEnd\n"


#: Imported before anything else: solvers get this path, too.
LETS_IT_THROUGH = """
from times_doctor_worker.engines import gams_installation
gams_installation._ALLOWED = gams_installation._ALLOWED | {"PYTHONPATH"}
"""
LP = b"Minimize\n c: x0 + x1\nSubject To\n r: x0 + x1 >= 1\nEnd\n"
REASON = "too large for the licence on h1: waits for a host with a larger licence of Gurobi"


def host(team: Team, name: str, *, most_columns: int) -> None:
    place = team.folder / f"python-{name}"
    (place / "gurobipy").mkdir(parents=True)
    (place / "gurobipy" / "__init__.py").write_text(STAND_IN.format(most=most_columns))
    (place / "gurobipy-13.0.3.dist-info").mkdir()
    (place / "gurobipy-13.0.3.dist-info" / "METADATA").write_text("Name: gurobipy\nVersion: 13.0.3\n")
    (place / "sitecustomize.py").write_text(LETS_IT_THROUGH)
    team.worker(name, "--slots", "1", PYTHONPATH=str(place))


def submit(team: Team, queue: str | None = None) -> ScanSpec:
    return team.submit({"dual": ""}, engine="gurobi", solver="gurobi", model=LP, driver="m.lp", queue=queue)


def test_it_is_solved_on_the_host_with_the_larger_licence(team: Team) -> None:
    host(team, "h1", most_columns=1)
    host(team, "h2", most_columns=10**9)
    offers = {card.host: card.solvers for card in team.store.live_hosts() if card.solvers}
    assert {name: "full.gurobi" in each for name, each in offers.items()} == {"h1": False, "h2": True}
    # h2 has its slot taken, so that h1 gets the message.
    busy = team.submit({"busy": ""}, model=endless_mps(), queue=host_queue("h2"))
    team.wait_for_state(busy, "busy", RunState.RUNNING, host="h2")

    spec = submit(team)
    with team.explaining(spec):
        wait_until(
            lambda: team.store.statuses(spec)["gurobi.dual"].reason == REASON, timeout_s=PATIENCE_S, what="it waits"
        )
    team.store.ask_cancel(busy.scan, ["*"], StopRequest(StopReason.USER, True, "me"))

    run = team.report(spec).runs[0]
    assert (run.state, run.verdict, run.host, run.objective) == (RunState.DONE, Verdict.OPTIMAL, "h2", 7.0)
    assert next((attempt.host, attempt.ended_as) for attempt in run.attempts) == ("h1", REASON)


def test_it_ends_where_every_licence_is_as_small(team: Team) -> None:
    host(team, "h1", most_columns=1)
    host(team, "h2", most_columns=1)
    run = team.report(submit(team)).runs[0]
    assert (run.state, run.verdict, len(run.attempts)) == (RunState.FAILED, Verdict.LICENCE, 1)
