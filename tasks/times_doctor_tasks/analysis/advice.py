"""The text about a comparison of times: who is faster, by how much, how sure that is, and what would help to decide."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from times_doctor_tasks.analysis.candidates import BUSY_SHARE, Candidate, busy_share, round_of
from times_doctor_tasks.analysis.ranking import MIN_GAIN_REL, MIN_GAIN_S, MOST_ROUNDS, Pace, Ranking
from times_doctor_tasks.analysis.run_times import Measure, other_wait_s, trusted_cpu_s
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.contract.wording import counted, some_of

#: `Recommendation.outcome`.
DECIDED, TIE, TOO_CLOSE = "decided", "tie", "too close to call"
#: Verdicts on the model, whatever the profile.
_NO_SOLUTION = frozenset({Verdict.INFEASIBLE, Verdict.UNBOUNDED})
#: If runs waited for a core for more than this share, a quieter machine is advised.
_VERY_BUSY_SHARE = 0.5


class Race(msgspec.Struct, frozen=True):
    """The candidates, their times, and who won."""

    candidates: tuple[Candidate, ...]
    """The fastest first."""
    ranking: Ranking
    measure: Measure
    winner: Candidate

    @property
    def left(self) -> list[Candidate]:
        """Those that are not proved to be slower than the fastest."""
        fastest = self.ranking.fastest
        return [c for c in self.candidates if self.ranking.pace(c.name, fastest) is not Pace.SLOWER]

    @property
    def against(self) -> Candidate | None:
        """The reference for speeds: today's option file, else the slowest; None if nothing else ended."""
        if len(self.candidates) < 2:
            return None
        return next((c for c in self.candidates if c.is_baseline), self.candidates[-1])

    @property
    def speedup(self) -> tuple[float, float, float] | None:
        """How many times as fast as `against` the winner is: mean, low, high; None if undecided."""
        against = self.against
        if against is None or self.ranking.pace(against.name, self.winner.name) is not Pace.SLOWER:
            return None
        return self.ranking.gap(against.name, self.winner.name).ratio

    def speed_of(self, candidate: Candidate) -> float | None:
        """How many times as fast as `against` a candidate is; None if undecided."""
        against = self.against
        if against is None:
            return None
        if candidate is against:
            return 1.0 if any(self.speed_of(c) for c in self.candidates if c is not against) else None
        times = (self.ranking.time_s(against.name), self.ranking.time_s(candidate.name))
        pairs = ((against, candidate), (candidate, against))
        decided = any(self.ranking.pace(slow.name, fast.name) is Pace.SLOWER for slow, fast in pairs)
        return times[0] / times[1] if decided else None


def outcome_of(race: Race) -> str:
    """Whether the fastest is known."""
    fastest = race.ranking.fastest
    if any(race.ranking.pace(c.name, fastest) is Pace.OPEN for c in race.left):
        return TOO_CLOSE
    return TIE if len(race.left) > 1 else DECIDED


def outcome_words(race: Race, why: str, results: Sequence[RunResult]) -> list[str]:
    """Who is faster, and by how much.

    Args:
        why: What chose the winner among candidates with indistinguishable times.
        results: All of the scan.
    """
    outcome, words = outcome_of(race), []
    taken = f"Chosen: {race.winner.name} ({why})."
    if outcome == TIE:
        names = listed([c.name for c in race.left])
        words.append(f"As fast as each other, within {MIN_GAIN_REL * 100:.0f} % or {MIN_GAIN_S} s: {names}. {taken}")
    elif outcome == TOO_CLOSE:
        words.append(f"Too close to call after {_each(race)}: {_some(_close(race))}. {taken}")
        words.append(_what_would_tell(race))
    words.append(f"{_figures(race)}{_only(race, results)}.{_faster(race)}")
    merged = [c for c in race.candidates if c.same_path]
    words += [
        f"Same path as {c.name}, to the last iteration: {listed(c.same_path)}. They count as one." for c in merged
    ]
    return words


def measured_words(race: Race) -> list[str]:
    """The times used for the comparison, and what was wrong with them."""
    runs = [r for c in race.candidates for r in c.runs]
    hosts = sorted({r.host for r in runs if r.host})
    share = busy_share(runs)
    words = []
    if share is not None and share >= BUSY_SHARE:
        machine = "The machine was" if len(hosts) < 2 else "The machines were"
        words.append(
            f"{machine} busy: the runs waited {share * 100:.0f} % of their time for a core.{_by(race.measure)}"
        )
        if share >= _VERY_BUSY_SHARE:
            words[-1] += " Use a quieter machine for a decision that matters."
    if race.measure is Measure.WALL:
        words.append(_why_wall(runs, is_quiet=share is not None and share < BUSY_SHARE))
    if race.ranking.across_hosts:
        names = listed([c.name for c in race.candidates])
        words.append(
            f"{names} ran on different hosts ({listed(hosts)}), which may differ in speed: only large differences "
            "decide. Where it matters, repeat the scan with --hosts naming one of them."
        )
    elif len(hosts) > 1:
        words.append(f"Compared within each host: {listed(hosts)}.")
        alone = [r.run for c in race.candidates for r in c.runs if (c.name, round_of(r)) in race.ranking.alone]
        if alone:  # for example, if a host is lost and its run moves
            words[-1] += f" Left out, because no other profile has a time to set beside it there: {listed(alone)}."
    return words


def seconds_text(seconds: float) -> str:
    """A time for a sentence.

    >>> seconds_text(0.314), seconds_text(12.34), seconds_text(754), seconds_text(7384)
    ('0.31 s', '12.3 s', '12 min 34 s', '2 h 03 min')
    """
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def no_winner_words(runs: Sequence[RunResult]) -> str:
    """The headline of a report that recommends no profile."""
    verdicts = {run.verdict for run in runs}
    if len(verdicts) != 1 or not verdicts <= _NO_SOLUTION:
        return "No run can be recommended."
    agree = {1: "", 2: ": both runs agree"}.get(len(runs), f": all {len(runs)} runs agree")
    return f"The model is {runs[0].verdict}{agree}."


def rough_text(seconds: float) -> str:
    """An estimated time: no seconds beside minutes.

    >>> rough_text(0.314), rough_text(12.34), rough_text(840), rough_text(7384)
    ('0.31 s', '12 s', '14 min', '2 h 03 min')
    """
    if 90 <= seconds < 3570:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if 1 <= seconds < 90 else seconds_text(seconds)


def times_words(ratio: float) -> str:
    """
    >>> times_words(1.04), times_words(3.14), times_words(41.5), times_words(1234.5)
    ('1.0', '3.1', '42', '1,234')
    """
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"


def listed(names: Sequence[str]) -> str:
    """
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _figures(race: Race) -> str:
    winner = race.winner
    repeats = f" ({len(winner.runs)} runs)" if len(winner.runs) > 1 else ""
    kind = ", an interior solution" if winner.is_interior else ""
    return f"{winner.name}: {seconds_text(race.ranking.time_s(winner.name))}{repeats}{kind}"


def _only(race: Race, results: Sequence[RunResult]) -> str:
    profiles = len({(r.engine, r.solver, r.profile) for r in results})
    same = len(race.winner.same_path)
    if len(race.candidates) > 1 or profiles == same + 1:
        return ""
    return f": the only candidate of {profiles} profiles"


def _faster(race: Race) -> str:
    against, speedup = race.against, race.speedup
    if race.winner.is_baseline:
        return " These are your current options: no change is needed."
    if against is None or speedup is None:
        return ""
    ratio, low, high = (times_words(part) for part in speedup)
    what = "your current options" if against.is_baseline else "the slowest that ended optimal"
    return f" {ratio} times as fast as {against.name} ({low} to {high}), {what}."


def _some(names: Sequence[str], most: int = 5) -> str:
    """The first few of many, the fastest: the table has all."""
    return some_of(names, most) if len(names) > most + 1 else listed(names)


def _each(race: Race) -> str:
    least = min(len(c.runs) for c in race.left)
    return f"{counted(least, 'run')} each"


def _close(race: Race) -> list[str]:
    """The remaining ones, and how many times as long as the fastest they may take."""
    words = []
    for candidate in race.left:
        if candidate.name == race.ranking.fastest:
            words.append(candidate.name)
            continue
        _, low, high = race.ranking.gap(candidate.name, race.ranking.fastest).ratio
        words.append(f"{candidate.name} ({times_words(low)} to {times_words(high)} times as long)")
    return words


def _what_would_tell(race: Race) -> str:
    fastest, left = race.ranking.fastest, race.left
    done = max(race.ranking.gap(c.name, fastest).rounds for c in left if c.name != fastest)
    for rounds in range(done + 1, MOST_ROUNDS + 1):
        if all(race.ranking.pace(c.name, fastest, rounds=rounds) is not Pace.OPEN for c in left):
            cost = seconds_text(rounds * sum(statistics.fmean(r.runtime_s or 0.0 for r in c.runs) for c in left))
            return f"--repeat auto would decide this, if times stay as they are: about {cost} for these."
    return "More repeats would hardly help: use any of them, or repeat the scan on a quieter machine."


def _by(measure: Measure) -> str:
    return {Measure.QUIET: " Compared by time without that wait.", Measure.CPU: " Compared by CPU time."}.get(
        measure, ""
    )


def _why_wall(runs: Sequence[RunResult], *, is_quiet: bool) -> str:
    threads = sorted({r.threads for r in runs if r.threads and r.threads > 1})
    if threads:
        caution = "" if is_quiet else ": on a busy machine this decides only large differences"
        return f"Compared by wall time ({listed([str(n) for n in threads])} threads){caution}."
    unknown = [r.run for r in runs if r.cpu_s is None]
    if unknown:
        which = "any run" if len(unknown) == len(runs) else listed(unknown)
        return f"Compared by wall time: no CPU time is known of {which}, as where a worker is older or a log is all."
    waited = max(runs, key=other_wait_s)
    if other_wait_s(waited):
        what = "something else than a core: a licence, a disk, another machine"
        return f"Compared by wall time: {waited.run} waited {seconds_text(other_wait_s(waited))} for {what}."
    odd = listed([r.run for r in runs if trusted_cpu_s(r) is None] or ["some"])
    return f"Compared by wall time: the CPU time of {odd} cannot be right."
