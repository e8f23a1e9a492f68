"""Scans with rounds: when all runs have ended, a pure function of them gives the next runs, if any.

A round is a chord like the first one. Its callback adds the next round to the scan and publishes it, or makes the
report. No other process takes part: the client may have ended. Possible failures, and their recovery:

- the callback never comes, or its worker is killed before it adds the round: the sweeper calls it again;
- killed after that, before all messages have left: the sweeper publishes the runs that never had one;
- two callbacks at once, or a late one: the first to add the round publishes it, the others find it there. CLAIM
  rejects an extra message, so that nothing runs twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from times_doctor_tasks.analysis.rounds import next_repeats
from times_doctor_tasks.celery_app.canvas import enqueue
from times_doctor_tasks.contract.messages import RunResult, RunSpec, ScanSpec
from times_doctor_tasks.state_store.fair_order import in_fair_order
from times_doctor_tasks.state_store.reader import Documents
from times_doctor_tasks.state_store.run_store import RunStore

#: A pure function of a scan, its runs and their results: two workers that ask it get the same answer.
Planner = Callable[[ScanSpec, Sequence[RunSpec], Mapping[str, RunResult]], Sequence[RunSpec]]
#: By the name in `RoundPlan.planner`.
PLANNERS: Mapping[str, Planner] = {"repeat": next_repeats}


def go_on(store: RunStore, spec: ScanSpec, found: Documents) -> bool:
    """Publishes the next round of a scan whose runs have all ended; False when there is none.

    Args:
        found: The documents of `spec`'s runs.
    """
    planner = PLANNERS.get(spec.rounds.planner) if spec.rounds else None
    more = planner(spec, found.runs, found.results) if planner else ()
    if not more:
        return False
    more = in_fair_order(store, spec, more)
    extended = store.extend(spec, more)
    if extended is not None:
        enqueue(extended, more)
    return True
