"""Which profile to use, by a rule that is written down (docs/recommendation.md) and reasons in words.

1. Only runs that ended optimal, with their profile applied, are candidates; the repeats of a profile are one
   candidate, with the median of their times, and only if none of them failed to reach the optimum.
2. Runs that disagree make no recommendation, with one exception: when nothing but solutions without crossover is off
   and at least two vertex solutions agree, those without crossover that are off are left out.
3. Where some solution is within its tolerances, one that is off by more than ten times what it was asked for is
   left out (`quality.is_within_tolerance`).
4. The fastest by the wall time of the engine leads. Whatever is at most `MIN_GAIN_REL` or `MIN_GAIN_S` slower counts
   as equally fast. Among those, in this order: vertex solutions before interior ones; fewest signs of numerical
   trouble; least memory, where it differs by more than `SIMILAR_MEMORY_REL`; the baseline; the fastest.
5. When the chosen one is interior, the best vertex solution is named beside it: marginals differ.

Wall time, not the solver's own, because it is what people wait for, over all solves of the run. It is one model on one
scan: no mean over instances is taken, so nothing has to be shifted or weighted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from times_doctor_tasks.analysis.comparison import INTERIOR, Contrast, disagreements, is_comparable
from times_doctor_tasks.analysis.quality import WORSE_FACTOR, is_within_tolerance, quality_sentence
from times_doctor_tasks.contract.messages import Comparison, Recommendation, RunResult, ScanSpec
from times_doctor_tasks.contract.states import PLANNED_STOPS, RunState, StopReason, Verdict
from times_doctor_tasks.profiles.registry import CURRENT

#: A gain in time below this share of the slower one decides nothing: run to run, times vary by as much.
MIN_GAIN_REL = 0.10
#: The same in seconds: starting an engine varied by this much between equal runs of a small model.
MIN_GAIN_S = 0.25
#: Peak memory that differs by less than this share counts as equal.
SIMILAR_MEMORY_REL = 0.10
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile that may be recommended, all of its repeats together."""

    runs: tuple[RunResult, ...]
    """Fastest first."""

    @property
    def run(self) -> str:
        """The id of the run that stands for all: the one at the median, the faster of two."""
        return self.runs[(len(self.runs) - 1) // 2].run

    @property
    def runtime_s(self) -> float:
        """Median wall time of the engine."""
        return statistics.median(_runtime_s(r) for r in self.runs)

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


def recommend(results: Sequence[RunResult], comparison: Comparison, spec: ScanSpec) -> Recommendation:
    """The profile to use, its runner-up and the reasons, by the rule at the head of this module."""
    candidates = _candidates(results)
    if not candidates:
        return Recommendation(run=None, reasons=_why_none(results))
    reasons: list[str] = []
    if not comparison.agree:
        candidates, reasons = _despite_disagreement(candidates, results, comparison, spec)
        if not candidates:
            return Recommendation(run=None, reasons=tuple(reasons))
    candidates, left_out = _as_good_as_asked(candidates)
    winner, why = _choose(candidates)
    rest = [c for c in candidates if c is not winner]
    runner_up = _choose(rest)[0] if rest else None
    speedup, against = _speedup(winner, candidates)
    reasons += [_headline(winner, runner_up, results), *left_out, *why, *_vertex_instead(winner, rest), *against]
    reasons += [*_not_ended(results), *_cautions(winner, candidates), *_quality(winner)]
    return Recommendation(
        run=winner.run,
        reasons=tuple(reasons),
        runner_up=runner_up.run if runner_up else None,
        speedup=speedup,
    )


def numeric_trouble(result: RunResult) -> tuple[str, ...]:
    """Names of the numbers in `result.numerics` that speak of numerical trouble."""
    return tuple(n for n, v in result.numerics.items() if n in NUMERIC_LIMITS and v > NUMERIC_LIMITS[n])


def seconds_text(seconds: float) -> str:
    """A time for a sentence.

    >>> seconds_text(0.314), seconds_text(12.34), seconds_text(754), seconds_text(7384)
    ('0.31 s', '12.3 s', '12 min 34 s', '2 h 03 min')
    """
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def faster_words(speedup: float, times: str = "times") -> str:
    """How fast one is beside another that is no faster, for a sentence.

    >>> faster_words(1.04), faster_words(3.14), faster_words(1234.5)
    ('as fast as', '3.1 times as fast as', '1,234 times as fast as')
    """
    if round(speedup, 1) <= 1:
        return "as fast as"
    return f"{f'{speedup:.2g}' if speedup < 100 else f'{speedup:,.0f}'} {times} as fast as"


def _candidates(results: Sequence[RunResult]) -> list[Candidate]:
    groups: dict[tuple[str, str, str], list[RunResult]] = {}
    for result in results:
        groups.setdefault((result.engine, result.solver, result.profile), []).append(result)
    found = []
    for runs in groups.values():
        good = [r for r in runs if _is_good(r)]
        if good and all(r in good or _stopped_by_us(r) for r in runs):
            found.append(Candidate(tuple(sorted(good, key=_runtime_s))))
    return found


def _is_good(result: RunResult) -> bool:
    if result.objective is None:
        return False
    return result.verdict is Verdict.OPTIMAL and is_comparable(result) and result.runtime_s is not None


def _stopped_by_us(result: RunResult) -> bool:
    """Says nothing about its profile."""
    return result.stop_reason in PLANNED_STOPS | {StopReason.USER, StopReason.HOST_LOST, StopReason.SHUTDOWN}


def _runtime_s(result: RunResult) -> float:
    return result.runtime_s if result.runtime_s is not None else float("inf")


def _why_none(results: Sequence[RunResult]) -> tuple[str, ...]:
    cancelled = [r.run for r in results if r.state is RunState.CANCELLED and r.stop_reason is StopReason.USER]
    if len(cancelled) == len(results):
        what = "The only run was" if len(results) == 1 else f"All {len(results)} runs were"
        return (f"{what} cancelled, so nothing is known of the profiles.",)
    reasons = ["No run ended optimal with its profile applied, so there is nothing to recommend."]
    if cancelled:
        reasons.append(f"Cancelled before the end: {_listed(cancelled)}.")
    not_applied = [r.run for r in results if r.applied is False or r.verdict is Verdict.NOT_APPLIED]
    if not_applied:
        reasons.append(f"The profile was not applied in {_listed(not_applied)}: see what each run says.")
    untimed = [r.run for r in results if r.verdict is Verdict.OPTIMAL and r.runtime_s is None]
    if untimed:
        reasons.append(f"No time is known of {_listed(untimed)}.")
    unsteady = [r.run for r in results if _is_good(r)]
    if unsteady:
        reasons.append(f"{_listed(unsteady)} ended optimal, but not each repeat of the profile did.")
    feasible = [r.run for r in results if r.verdict is Verdict.FEASIBLE]
    if feasible:
        reasons.append(f"A solution without proof of optimality came from {_listed(feasible)}.")
    return tuple(reasons)


def _despite_disagreement(
    candidates: list[Candidate], results: Sequence[RunResult], comparison: Comparison, spec: ScanSpec
) -> tuple[list[Candidate], list[str]]:
    """Candidates that may still be recommended, and what must be said first."""
    found = disagreements(results, spec)
    by_run = {r.run: r for r in results}
    off = {d.run for d in found}
    harmless = all(d.contrast is Contrast.OBJECTIVE and by_run[d.run].basis == INTERIOR for d in found)
    agreeing = [c for c in candidates if not off & {r.run for r in c.runs}]
    if found and harmless and sum(not c.is_interior for c in agreeing) >= 2:
        return agreeing, [
            f"The runs do not agree: {comparison.findings[0]}",
            f"Left out for it: {_listed(sorted(off))}. The vertex solutions agree with each other.",
        ]
    return [], [
        "The runs do not agree, so none is recommended before it is known which is right.",
        *comparison.findings,
        "Run them again with tighter tolerances, or try --profiles @hard, and look at matrix_min and matrix_max.",
    ]


def _as_good_as_asked(candidates: list[Candidate]) -> tuple[list[Candidate], list[str]]:
    """Those that may win: where some solution is within its tolerances, none that is far beyond them."""
    good = [c for c in candidates if all(is_within_tolerance(r) for r in c.runs)]
    if not good or len(good) == len(candidates):
        return candidates, []
    off = _listed([c.run for c in candidates if c not in good])
    return good, [f"Left out, for a solution off by more than {WORSE_FACTOR:.0f} times the tolerance asked for: {off}."]


def _quality(winner: Candidate) -> list[str]:
    worst = next((r for r in winner.runs if not is_within_tolerance(r)), winner.runs[0])
    return [sentence] if (sentence := quality_sentence(worst.quality, interior=worst.basis == INTERIOR)) else []


def _choose(candidates: Sequence[Candidate]) -> tuple[Candidate, list[str]]:
    """The one to recommend among `candidates`, and what decided between those that were equally fast."""
    fastest = min(candidates, key=lambda c: c.runtime_s)
    left = [c for c in candidates if _is_as_fast(c, fastest)]
    why: list[str] = []
    if len(left) > 1:
        names = _listed([c.run for c in sorted(left, key=lambda c: c.runtime_s)])
        why.append(f"Equally fast, within {MIN_GAIN_REL:.0%} or {MIN_GAIN_S} s: {names}.")
    for keep, reason in _TIE_BREAKS:
        kept = [c for c in left if keep(c, left)]
        if len(left) > 1 and kept and len(kept) < len(left):
            left = kept
            why.append(f"Among these, {_listed([c.run for c in left])}: {reason}.")
    return min(left, key=lambda c: c.runtime_s), why


def _is_as_fast(candidate: Candidate, fastest: Candidate) -> bool:
    lead_s = candidate.runtime_s - fastest.runtime_s
    return lead_s <= max(MIN_GAIN_REL * candidate.runtime_s, MIN_GAIN_S)


def _least_memory(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    peaks = [c.memory_mb for c in others]
    known = [p for p in peaks if p is not None]
    if len(known) < len(peaks) or candidate.memory_mb is None:
        return True
    return candidate.memory_mb - min(known) <= SIMILAR_MEMORY_REL * candidate.memory_mb


#: Who stays, judged within those who are left, and the reason in words.
_TIE_BREAKS: tuple[tuple[Callable[[Candidate, Sequence[Candidate]], bool], str], ...] = (
    (lambda c, _: not c.is_interior, "a vertex solution, so that marginals are those of a basis"),
    (lambda c, all_: len(c.trouble) == min(len(o.trouble) for o in all_), "fewest signs of numerical trouble"),
    (_least_memory, "least memory"),
    (lambda c, _: c.is_baseline, "what is used today"),
)


def _headline(winner: Candidate, runner_up: Candidate | None, results: Sequence[RunResult]) -> str:
    kind = ", an interior solution" if winner.is_interior else ""
    repeats = f" (median of {len(winner.runs)})" if len(winner.runs) > 1 else ""
    text = f"{winner.run} ended optimal in {seconds_text(winner.runtime_s)}{repeats}{kind}"
    if runner_up is None:
        others = len({(r.solver, r.profile) for r in results}) - 1
        return f"{text}: the only candidate{f' of {others + 1} profiles' if others else ''}."
    return f"{text}; next is {runner_up.run} with {seconds_text(runner_up.runtime_s)}."


def _vertex_instead(winner: Candidate, rest: Sequence[Candidate]) -> list[str]:
    if not winner.is_interior:
        return []
    text = "Without crossover its solution is not a vertex: marginals (dual values, prices in VEDA) differ."
    vertices = [c for c in rest if not c.is_interior]
    if not vertices:
        return [f"{text} No run gave a vertex solution."]
    best, _ = _choose(vertices)
    return [f"{text} Where you use them, take {best.run}: {seconds_text(best.runtime_s)}."]


def _speedup(winner: Candidate, candidates: Sequence[Candidate]) -> tuple[float | None, list[str]]:
    baseline = next((c for c in candidates if c.is_baseline and c is not winner), None)
    against = baseline or max(candidates, key=lambda c: c.runtime_s)
    if winner.is_baseline:
        return 1.0, ["It is what you use today: nothing need be changed."]
    if against is winner or winner.runtime_s <= 0:
        return (1.0 if len(candidates) > 1 else None), []
    speedup = against.runtime_s / winner.runtime_s
    what = "what you use today" if baseline else "the slowest that ended optimal"
    compared = f"{against.run}, {what} ({seconds_text(against.runtime_s)})"
    if round(speedup, 1) < 1:
        return speedup, [f"It takes {1 / speedup:.2f} times as long as {compared}."]
    words = faster_words(speedup)
    return speedup, [f"{words[0].upper()}{words[1:]} {compared}."]


def _not_ended(results: Sequence[RunResult]) -> list[str]:
    """What is not known because runs were stopped, and what today's option file did not reach."""
    words = []
    beaten = [r.run for r in results if r.stop_reason is StopReason.BEATEN]
    if beaten:
        words.append(f"The race ended with it: {_listed(beaten)} had not ended by then.")
    capped = [r.run for r in results if r.stop_reason is StopReason.CAPPED]
    if capped:
        words.append(f"Stopped for taking too long beside the best: {_listed(capped)}.")
    for result in results:
        if result.profile == CURRENT and not _is_good(result) and not _stopped_by_us(result):
            ending = str(result.verdict or result.state).replace("_", " ")
            words.append(f"{result.run}, what you use today, did not reach the optimum: {ending}.")
    return words


def _cautions(winner: Candidate, candidates: Sequence[Candidate]) -> list[str]:
    """What weakens the comparison of times."""
    words = []
    if winner.trouble:
        words.append(f"It shows signs of numerical trouble: {_listed([n.replace('_', ' ') for n in winner.trouble])}.")
    hosts = sorted({r.host for c in candidates for r in c.runs if r.host})
    if len(hosts) > 1:
        words.append(
            f"The times come from {len(hosts)} hosts ({_listed(hosts)}), which may differ in speed: where it matters, "
            "repeat the scan with --hosts naming one of them."
        )
    threads = sorted({r.threads for c in candidates for r in c.runs if r.threads})
    if len(threads) > 1:
        words.append(f"The runs had different numbers of threads: {_listed([str(t) for t in threads])}.")
    return words


def _listed(names: Sequence[str]) -> str:
    """
    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
