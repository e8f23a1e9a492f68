"""Which profiles of a scan may be recommended: all repeats of one together, and those that did the same work as one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.analysis.comparison import INTERIOR, is_comparable, is_discrete
from times_doctor_tasks.analysis.ranking import BUSY_SD, QUIET_SD, WIDE_SD, Ranking, Sample
from times_doctor_tasks.analysis.run_times import Measure, delay_share, measure_of, time_s
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.contract.states import PLANNED_STOPS, StopReason, Verdict
from times_doctor_tasks.profiles.registry import CURRENT

#: If runs waited for a core for more than this share, the machine was busy: wall time is then too inexact.
BUSY_SHARE = 0.05
#: The resolution of solver clocks and CPU accounts: 0.00 s counts as this, so that no ratio is huge.
LEAST_S = 0.01
#: Above these, a figure in `RunResult.numerics` is a sign of trouble. Infeasibilities: ten times the tolerance
#: that solvers start with. Condition: CPLEX calls a basis unstable from there on.
NUMERIC_LIMITS = {
    "max_scaled_infeasibility": 1e-5,
    "max_unscaled_infeasibility": 1e-5,
    "max_dual_infeasibility": 1e-5,
    "condition": 1e10,
    "markowitz_raises": 0.0,
    "refactorings": 0.0,
    "barrier_restarts": 0.0,
    "other_signs": 0.0,
}


class Candidate(msgspec.Struct, frozen=True):
    """A profile that may be recommended, all of its repeats together."""

    runs: tuple[RunResult, ...]
    """In the order of the scan."""
    same_path: tuple[str, ...] = ()
    """Other profiles that did exactly the same work."""

    @property
    def name(self) -> str:
        """`<solver>.<profile>`."""
        return profile_name(self.runs[0])

    @property
    def run(self) -> str:
        """The id of the run whose files represent all."""
        return self.runs[0].run

    @property
    def is_interior(self) -> bool:
        """Whether any repeat ended without a vertex."""
        return any(r.basis == INTERIOR for r in self.runs)

    @property
    def memory_mb(self) -> float | None:
        """The largest peak over the repeats; None where one is unknown."""
        peaks = [r.peak_memory_mb for r in self.runs if r.peak_memory_mb is not None]
        return max(peaks) if len(peaks) == len(self.runs) else None

    @property
    def trouble(self) -> tuple[str, ...]:
        """Names of the signs of numerical trouble, over all repeats."""
        return tuple(sorted({name for r in self.runs for name in numeric_trouble(r)}))

    @property
    def is_baseline(self) -> bool:
        """Whether it is RUN_DIR's own option file."""
        return self.runs[0].profile == CURRENT

    @property
    def is_steady(self) -> bool:
        """Whether every repeat did the same work; otherwise its times scatter even on a quiet machine."""
        return len({(r.iterations, r.nodes, r.objective) for r in self.runs}) == 1


def candidates_of(results: Sequence[RunResult]) -> list[Candidate]:
    """Profiles of which every repeat ended optimal and applied, with a time; repeats that we stopped are ignored."""
    groups: dict[tuple[str, str, str], list[RunResult]] = {}
    for result in results:
        groups.setdefault((result.engine, result.solver, result.profile), []).append(result)
    found = []
    for runs in groups.values():
        good = [r for r in runs if is_good(r)]
        if good and all(r in good or stopped_by_us(r) for r in runs):
            found.append(Candidate(tuple(good)))
    return found


def merged(candidates: Sequence[Candidate]) -> list[Candidate]:
    """One candidate for all that did the same work: today's option file, else the first."""
    groups: dict[object, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(_path(candidate) or id(candidate), []).append(candidate)
    kept = []
    for same in groups.values():
        first = next((c for c in same if c.is_baseline), same[0])
        kept.append(replace(first, same_path=tuple(c.name for c in same if c is not first)))
    return kept


def rank(candidates: Sequence[Candidate], measure: Measure) -> Ranking:
    """The times of `candidates`, by their names."""
    samples = {c.name: [Sample(round_of(r), r.host or "", _log_s(r, measure)) for r in c.runs] for c in candidates}
    return Ranking(samples, sd=believed_sd([r for c in candidates for r in c.runs], measure))


def measure_among(candidates: Sequence[Candidate]) -> Measure:
    """The measure that all their runs have."""
    return measure_of([r for c in candidates for r in c.runs])


def busy_share(runs: Sequence[RunResult]) -> float | None:
    """The share of their time for which the runs waited for a core: the median of the known values."""
    shares = [share for r in runs if (share := delay_share(r)) is not None]
    return statistics.median(shares) if shares else None


def believed_sd(runs: Sequence[RunResult], measure: Measure) -> float:
    """The scatter of log times of equal runs, estimated from the machine's load."""
    share = busy_share(runs)
    if share is not None and share < BUSY_SHARE:
        return QUIET_SD
    return WIDE_SD if measure is Measure.WALL and share is not None else BUSY_SD


def profile_name(result: RunResult) -> str:
    """`<solver>.<profile>`."""
    return f"{result.solver}.{result.profile}"


def round_of(result: RunResult) -> int:
    """The round of repeats of a run: the number at the end of its id, from 1.

    >>> from times_doctor_tasks.testing.documents import make_result
    >>> round_of(make_result("dual")), round_of(make_result("dual", run="cplex.dual.3"))
    (1, 3)
    """
    tail = result.run.removeprefix(f"{profile_name(result)}.")
    return int(tail) if tail.isdecimal() else 1


def is_good(result: RunResult) -> bool:
    """Whether a run counts for its profile."""
    known = result.objective is not None and math.isfinite(result.objective) and result.runtime_s is not None
    return known and result.verdict is Verdict.OPTIMAL and is_comparable(result)


def stopped_by_us(result: RunResult) -> bool:
    """Says nothing about its profile."""
    return result.stop_reason in PLANNED_STOPS | {StopReason.USER, StopReason.HOST_LOST, StopReason.SHUTDOWN}


def numeric_trouble(result: RunResult) -> tuple[str, ...]:
    """Names of the numbers in `result.numerics` that are signs of numerical trouble."""
    return tuple(n for n, v in result.numerics.items() if n in NUMERIC_LIMITS and v > NUMERIC_LIMITS[n])


def _log_s(result: RunResult, measure: Measure) -> float:
    return math.log(max(time_s(result, measure) or 0.0, LEAST_S))


def _path(candidate: Candidate) -> object | None:
    """A key that two profiles share only if both did the same work on one thread; None if unknown."""
    run = candidate.runs[0]
    sizes = (run.presolved_rows, run.presolved_columns, run.presolved_nonzeros)
    work = (run.iterations, run.nodes)
    if run.threads != 1 or not candidate.is_steady or None in sizes or not any(n and n > 0 for n in work):
        return None
    if run.iterations is None or (run.nodes is None and is_discrete(run)):
        return None
    each = tuple((s.iterations, s.nodes, s.objective) for s in run.solves)
    return run.engine, run.solver, run.basis, run.solve_count, sizes, work, run.objective, each
