"""The lines of a report's table: a profile with all its repeats, or a run that does not count for its profile."""

from __future__ import annotations

import statistics

import msgspec

from times_doctor_cli.terminal.units import runtime
from times_doctor_tasks.analysis.advice import rough_text, seconds_text
from times_doctor_tasks.analysis.run_times import Measure, time_s
from times_doctor_tasks.contract.messages import Contender, Report, RunResult
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.contract.wording import some_of

#: Seconds that a user notices.
_WORTH_SAYING_S = 60.0
#: A cell's words for `Contender.pace`.
_PACES = {"too close to call": "too close"}


class ProfileLine(msgspec.Struct, frozen=True):
    """One line of the table."""

    name: str
    runs: tuple[RunResult, ...]
    measure: Measure
    contender: Contender | None = None
    same_as: str = ""
    """The profile that did exactly the same work."""
    is_best: bool = False

    @property
    def first(self) -> RunResult:
        """The run that represents all of them."""
        return self.runs[0]

    @property
    def time_s(self) -> float | None:
        """Its time by the scan's one measure."""
        if self.same_as:  # its own time would be a second figure for the same work
            return None
        return self.contender.time_s if self.contender else time_s(self.first, self.measure)

    @property
    def wall_s(self) -> float | None:
        """Mean wall time."""
        walls = [run.runtime_s for run in self.runs if run.runtime_s is not None]
        return statistics.fmean(walls) if walls else None

    @property
    def range(self) -> str:
        """The smallest and the largest of its times, if it ran more than once."""
        if self.contender is None or len(self.runs) < 2:
            return ""
        low, high = runtime(self.contender.low_s), runtime(self.contender.high_s)
        return f"{low.removesuffix(' s') if high.endswith(' s') else low}-{high}"

    @property
    def memory_mb(self) -> float | None:
        """The largest peak."""
        return max((run.peak_memory_mb for run in self.runs if run.peak_memory_mb is not None), default=None)

    @property
    def hosts(self) -> str:
        """Its hosts."""
        return some_of(sorted({run.host for run in self.runs if run.host}), 2)

    @property
    def attempts(self) -> int:
        """Most attempts of one of its runs."""
        return max(run.attempt for run in self.runs)

    @property
    def pace(self) -> str:
        """How it compares with the fastest."""
        if self.same_as:
            return f"= {self.same_as}"
        return _PACES.get(self.contender.pace, self.contender.pace) if self.contender else ""


def measure_of_report(report: Report) -> Measure:
    """The measure of the comparison; reports of older versions have only wall time."""
    compared_by = report.recommendation.compared_by
    return Measure(compared_by) if compared_by in set(Measure) else Measure.WALL


def time_title(report: Report) -> str:
    """The title of a column of times."""
    return {Measure.QUIET: "quiet time", Measure.CPU: "CPU time"}.get(measure_of_report(report), "runtime")


def saving_words(report: Report) -> str:
    """The time that the recommended profile saves per run, as a user sees it; empty below a minute or if undecided.

    CPU time says nothing about how long a user waits.
    """
    advice = report.recommendation
    times = {contender.profile: contender.time_s for contender in advice.contenders}
    if advice.speedup is None or advice.against not in times or advice.profile not in times:
        return ""
    before_s, after_s = times[advice.against], times[advice.profile]
    saved_s = before_s - after_s
    if saved_s < _WORTH_SAYING_S or measure_of_report(report) is Measure.CPU:
        return ""
    about = rough_text(saved_s)
    return f"about {about} a run ({seconds_text(after_s)} instead of {seconds_text(before_s)})"


def profile_lines(report: Report) -> list[ProfileLine]:
    """The recommended profile, the other candidates by their time, then the rest in the order of the scan."""
    advice, measure = report.recommendation, measure_of_report(report)
    by_run = {run.run: run for run in report.runs}
    lines, told = [], set[str]()
    for contender in sorted(advice.contenders, key=lambda c: c.profile != advice.profile):
        runs = tuple(by_run[run] for run in contender.runs if run in by_run)
        if not runs:
            continue
        lines.append(
            ProfileLine(contender.profile, runs, measure, contender, is_best=contender.profile == advice.profile)
        )
        told.update(contender.runs)
    same_as = {other: c.profile for c in advice.contenders for other in c.same_path}
    rest = [(place, run) for place, run in enumerate(report.runs) if run.run not in told]
    for _, run in sorted(rest, key=lambda each: _rank(each[1], each[0], advice.run)):
        same = same_as.get(f"{run.solver}.{run.profile}", "")
        lines.append(ProfileLine(run.run, (run,), measure, same_as=same, is_best=run.run == advice.run))
    return lines


def _rank(run: RunResult, place: int, recommended: str | None) -> tuple[int, float, int]:
    if run.run == recommended:
        return 0, 0.0, place
    if run.verdict is Verdict.OPTIMAL and run.applied is not False:
        return 1, run.runtime_s or 0.0, place
    return 2, 0.0, place
