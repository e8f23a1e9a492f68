"""Which profiles to repeat if the runs so far do not decide: a pure function of the ended runs.

Every caller gets the same answer: several control workers may ask.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence

import msgspec

from times_doctor_tasks.analysis.candidates import Candidate, candidates_of, measure_among, merged, rank, round_of
from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.ranking import MOST_ROUNDS, Pace
from times_doctor_tasks.contract.messages import RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import StopReason

#: All rounds together take at most this multiple of the time of the first one.
BUDGET_ROUNDS = 4.0


def next_repeats(spec: ScanSpec, runs: Sequence[RunSpec], results: Mapping[str, RunResult]) -> Sequence[RunSpec]:
    """The runs of the next round of `--repeat auto`, in whose first round each profile ran; see `celery_app/rounds.py`.

    There is no next round after runs that disagree, or that the user stopped. A round goes to the queues of the first
    one; if several hosts take from these, the comparison considers the host of each run (`ranking.Ranking`).
    """
    ended = [results[run.run] for run in runs if run.run in results]
    if spec.rounds is None or any(r.stop_reason is StopReason.USER for r in ended) or not compare(ended, spec).agree:
        return ()
    first = {f"{run.solver}.{run.profile}": run for run in reversed(runs)}
    names = next_round(ended, seed=spec.rounds.seed, budget_s=spec.rounds.budget_s)
    number = max((run.repeat for run in runs), default=0) + 1
    return [
        msgspec.structs.replace(
            first[name], run=f"{name}.{number}", index=len(runs) + place, repeat=number, reused=None
        )
        for place, name in enumerate(names)
    ]


def next_round(results: Sequence[RunResult], *, seed: str, budget_s: float | None = None) -> tuple[str, ...]:
    """Names of the profiles to run once more, in order; none if that would not help.

    A profile proved to be slower is not repeated, and none returns after a missed round. It ends when all is decided,
    after `MOST_ROUNDS`, or when the next round would exceed the budget.

    Args:
        results: All runs of the scan, ended.
        seed: Shuffles the order within the round: neighbours in time share their noise.
        budget_s: Seconds of solving that all rounds may take together; `BUDGET_ROUNDS` binds, too.
    """
    candidates = merged(candidates_of(results))
    if len(candidates) < 2:
        return ()
    done = max(round_of(run) for run in results)
    ranking = rank(candidates, measure_among(candidates))
    left = [c for c in candidates if ranking.pace(c.name, ranking.fastest) is not Pace.SLOWER]
    live = [c for c in left if any(round_of(run) == done for run in c.runs)]
    is_open = any(ranking.pace(c.name, ranking.fastest) is Pace.OPEN for c in live)
    if not is_open or len(live) < 2 or done >= MOST_ROUNDS:
        return ()
    first_s = sum(run.runtime_s or 0.0 for run in results if round_of(run) == 1)
    spent_s = sum(run.runtime_s or 0.0 for run in results)
    most_s = min(BUDGET_ROUNDS * first_s, float("inf") if budget_s is None else budget_s)
    if spent_s + sum(_mean_wall_s(c) for c in live) > most_s:
        return ()
    names = sorted(c.name for c in live)
    random.Random(f"{seed} {done}").shuffle(names)  # noqa: S311  # an order, no secret
    return tuple(names)


def _mean_wall_s(candidate: Candidate) -> float:
    return statistics.fmean(run.runtime_s or 0.0 for run in candidate.runs)
