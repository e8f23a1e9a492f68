"""Recommends a profile by the rule of docs/recommendation.md, with reasons.

1. Only runs that ended optimal, with their profile applied, are candidates; the repeats of a profile are one
   candidate, and only if none of them failed to reach the optimum; profiles that did exactly the same work are one.
2. Runs that disagree make no recommendation, with one exception: when nothing but solutions without crossover is off
   and at least two vertex solutions agree, those without crossover that are off are left out.
3. Where some solution is within its tolerances, one that is off by more than ten times what it was asked for is
   left out (`quality.is_within_tolerance`).
4. Profiles proved to be slower than the fastest (`ranking`) are out. Among those within the deciding margin, in this
   order: vertex solutions before interior ones; the fewest numerical warnings; least memory, where it differs by more
   than `SIMILAR_MEMORY_REL`; the baseline; the fastest.
5. When the chosen one is interior, the best vertex solution is named beside it: marginals differ.

Times are those of the engine over all solves of the run, without its wait for a core where that is known
(`run_times`). It is one model on one scan: no mean over instances is taken, so nothing has to be shifted or weighted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from times_doctor_tasks.analysis.advice import Race, listed, measured_words, outcome_of, outcome_words, seconds_text
from times_doctor_tasks.analysis.candidates import (
    Candidate,
    busy_share,
    candidates_of,
    is_good,
    measure_among,
    merged,
    rank,
    stopped_by_us,
)
from times_doctor_tasks.analysis.comparison import INTERIOR, Contrast, disagreements
from times_doctor_tasks.analysis.quality import WORSE_FACTOR, is_within_tolerance, quality_sentence, scaling_effect
from times_doctor_tasks.analysis.ranking import Pace
from times_doctor_tasks.contract.messages import Comparison, Contender, Recommendation, RunResult, ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_tasks.profiles.registry import CURRENT

#: Peak memory that differs by less than this share counts as equal.
SIMILAR_MEMORY_REL = 0.10


def recommend(results: Sequence[RunResult], comparison: Comparison, spec: ScanSpec) -> Recommendation:
    """The profile to use, its runner-up and the reasons, by the rule at the head of this module."""
    candidates = candidates_of(results)
    if not candidates:
        return Recommendation(run=None, reasons=(*_why_none(results), *scaling_effect(results)))
    reasons: list[str] = []
    if not comparison.agree:
        candidates, reasons = _despite_disagreement(candidates, results, comparison, spec)
        if not candidates:
            return Recommendation(run=None, reasons=tuple(reasons))
    candidates, left_out = _as_good_as_asked(candidates)
    race, why = _run_race(merged(candidates))
    reasons += [*outcome_words(race, why, results), *left_out, *measured_words(race), *_vertex_instead(race)]
    reasons += [*_not_ended(results), *_cautions(race), *_quality(race.winner), *scaling_effect(results)]
    return _recommended(race, reasons)


def _run_race(candidates: Sequence[Candidate]) -> tuple[Race, str]:
    measure = measure_among(candidates)
    ranking = rank(candidates, measure)
    ordered = sorted(candidates, key=lambda c: ranking.time_s(c.name))
    race = Race(tuple(ordered), ranking, measure, ordered[0])
    winner, why = _choose(race, ordered)
    return Race(race.candidates, ranking, measure, winner), why


def _choose(race: Race, candidates: Sequence[Candidate]) -> tuple[Candidate, str]:
    """The best of `candidates`, and what decided among those with indistinguishable times."""
    lead = race.ranking.lead(c.name for c in candidates)
    left = [
        c
        for c in candidates
        if race.ranking.pace(c.name, lead) is not Pace.SLOWER and race.ranking.is_near(c.name, lead)
    ]
    why = "the fastest"
    for keep, reason in _TIE_BREAKS:
        kept = [c for c in left if keep(c, left)]
        if len(left) > 1 and kept and len(kept) < len(left):
            left, why = kept, reason
    return min(left, key=lambda c: race.ranking.time_s(c.name)), why


def _recommended(race: Race, reasons: Sequence[str]) -> Recommendation:
    winner, rest = race.winner, [c for c in race.candidates if c is not race.winner]
    speedup = race.speedup
    return Recommendation(
        run=winner.run,
        profile=winner.name,
        reasons=tuple(reasons),
        runner_up=_choose(race, rest)[0].run if rest else None,
        outcome=outcome_of(race),
        compared_by=race.measure.value,
        busy_share=busy_share([r for c in race.candidates for r in c.runs]),
        against=race.against.name if race.against else None,
        speedup=1.0 if winner.is_baseline else speedup[0] if speedup else None,
        speedup_low=speedup[1] if speedup else None,
        speedup_high=speedup[2] if speedup else None,
        contenders=tuple(_contender(race, candidate) for candidate in race.candidates),
    )


def _contender(race: Race, candidate: Candidate) -> Contender:
    ranking, name = race.ranking, candidate.name
    ratio, low, high = ranking.gap(name, ranking.fastest).ratio if name != ranking.fastest else (1.0, 1.0, 1.0)
    low_s, high_s = ranking.range_s(name)
    return Contender(
        profile=name,
        runs=tuple(r.run for r in candidate.runs),
        same_path=candidate.same_path,
        time_s=ranking.time_s(name),
        low_s=low_s,
        high_s=high_s,
        pace=ranking.pace(name, ranking.fastest).value,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        speed=race.speed_of(candidate),
    )


def _cancelled(results: Sequence[RunResult]) -> list[RunResult]:
    return [r for r in results if r.state is RunState.CANCELLED and r.stop_reason is StopReason.USER]


def _cancel_words(cancelled: Sequence[RunResult]) -> list[str]:
    names = [run.run for run in cancelled]
    return [f"Cancelled{_by(cancelled)} before the end: {listed(names)}."] if names else []


def _by(cancelled: Sequence[RunResult]) -> str:
    people = tuple(dict.fromkeys(run.stopped_by for run in cancelled if run.stopped_by))
    return f" by {listed(people)}" if people else ""


def _why_none(results: Sequence[RunResult]) -> tuple[str, ...]:
    cancelled = _cancelled(results)
    if len(cancelled) == len(results):
        what = "The only run was" if len(results) == 1 else f"All {len(results)} runs were"
        return (f"{what} cancelled{_by(cancelled)}, so nothing is known of the profiles.",)
    reasons = ["No run ended optimal with its profile applied, so there is nothing to recommend."]
    reasons += _cancel_words(cancelled)
    not_applied = [r.run for r in results if r.applied is False or r.verdict is Verdict.NOT_APPLIED]
    if not_applied:
        reasons.append(f"The profile was not applied in {listed(not_applied)}: see what each run says.")
    untimed = [r.run for r in results if r.verdict is Verdict.OPTIMAL and r.runtime_s is None]
    if untimed:
        reasons.append(f"No time is known of {listed(untimed)}.")
    unsteady = [r.run for r in results if is_good(r)]
    if unsteady:
        reasons.append(f"{listed(unsteady)} ended optimal, but not each repeat of the profile did.")
    feasible = [r.run for r in results if r.verdict is Verdict.FEASIBLE]
    if feasible:
        reasons.append(f"A solution without proof of optimality came from {listed(feasible)}.")
    return tuple(reasons)


def _despite_disagreement(
    candidates: list[Candidate], results: Sequence[RunResult], comparison: Comparison, spec: ScanSpec
) -> tuple[list[Candidate], list[str]]:
    """Candidates that may still be recommended, and the first reasons."""
    found = disagreements(results, spec)
    by_run = {r.run: r for r in results}
    off = {d.run for d in found}
    harmless = all(d.contrast is Contrast.OBJECTIVE and by_run[d.run].basis == INTERIOR for d in found)
    agreeing = [c for c in candidates if not off & {r.run for r in c.runs}]
    if found and harmless and sum(not c.is_interior for c in agreeing) >= 2:
        return agreeing, [
            f"The runs do not agree: {comparison.findings[0]}",
            f"Left out for it: {listed(sorted(off))}. The vertex solutions agree with each other.",
        ]
    return [], [
        "The runs do not agree, so none is recommended before it is known which is right.",
        *comparison.findings,
        "Run them again with tighter tolerances, or try --profiles @hard, and look at matrix_min and matrix_max.",
    ]


def _as_good_as_asked(candidates: list[Candidate]) -> tuple[list[Candidate], list[str]]:
    """Those that may win: if some solution is within its tolerances, none that is far beyond them."""
    good = [c for c in candidates if all(is_within_tolerance(r) for r in c.runs)]
    if not good or len(good) == len(candidates):
        return candidates, []
    off = listed([c.name for c in candidates if c not in good])
    return good, [f"Left out, for a solution off by more than {WORSE_FACTOR:.0f} times the tolerance asked for: {off}."]


def _quality(winner: Candidate) -> list[str]:
    worst = next((r for r in winner.runs if not is_within_tolerance(r)), winner.runs[0])
    sentence = quality_sentence(worst.quality, interior=worst.basis == INTERIOR, of=f" of {winner.name}")
    return [sentence] if sentence else []


def _least_memory(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    peaks = [c.memory_mb for c in others]
    known = [p for p in peaks if p is not None]
    if len(known) < len(peaks) or candidate.memory_mb is None:
        return True
    return candidate.memory_mb - min(known) <= SIMILAR_MEMORY_REL * candidate.memory_mb


#: The test to stay, applied among those left, and the reason as text.
_TIE_BREAKS: tuple[tuple[Callable[[Candidate, Sequence[Candidate]], bool], str], ...] = (
    (lambda c, _: not c.is_interior, "a vertex solution, so its marginals are those of a basis"),
    (lambda c, all_: len(c.trouble) == min(len(o.trouble) for o in all_), "the fewest numerical warnings"),
    (_least_memory, "the least memory"),
    (lambda c, _: c.is_baseline, "your current options"),
)


def _vertex_instead(race: Race) -> list[str]:
    if not race.winner.is_interior:
        return []
    text = "Without crossover its solution is not a vertex: marginals (dual values, prices in VEDA) differ."
    vertices = [c for c in race.candidates if not c.is_interior]
    if not vertices:
        return [f"{text} No run gave a vertex solution."]
    best, _ = _choose(race, vertices)
    return [f"{text} Where you use them, take {best.name}: {seconds_text(race.ranking.time_s(best.name))}."]


def _not_ended(results: Sequence[RunResult]) -> list[str]:
    """What is unknown because runs were stopped, and whether today's option file failed."""
    words = _cancel_words(_cancelled(results))
    beaten = [r.run for r in results if r.stop_reason is StopReason.BEATEN]
    if beaten:
        words.append(f"The race ended with it: {listed(beaten)} had not finished.")
    capped = [r.run for r in results if r.stop_reason is StopReason.CAPPED]
    if capped:
        words.append(f"Stopped for taking too long beside the best: {listed(capped)}.")
    for result in results:
        if result.profile == CURRENT and not is_good(result) and not stopped_by_us(result):
            ending = str(result.verdict or result.state).replace("_", " ")
            words.append(f"{result.run}, your current options, did not reach the optimum: {ending}.")
    return words


def _cautions(race: Race) -> list[str]:
    """What else weakens the comparison."""
    words = []
    if race.winner.trouble:
        signs = listed([n.replace("_", " ") for n in race.winner.trouble])
        words.append(f"It shows numerical warnings: {signs}.")
    threads = sorted({r.threads for c in race.candidates for r in c.runs if r.threads})
    if len(threads) > 1:
        words.append(f"The runs had different numbers of threads: {listed([str(t) for t in threads])}.")
    unsteady = [c.name for c in race.candidates if not c.is_steady]
    if unsteady:
        words.append(
            f"Repeats of {listed(unsteady)} differ in their work: they are not deterministic, so their times "
            "vary even on a quiet machine."
        )
    return words
