"""Computes a scan's state for screens from its events. No I/O and no clock: every time comes with the event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from times_doctor_cli.scan_state.rows import Headline, Notice, Row
from times_doctor_tasks.contract.messages import (
    AnyEvent,
    Extended,
    Noted,
    ProgressMade,
    Reported,
    RunResult,
    RunSpec,
    ScanSpec,
    StateChanged,
)
from times_doctor_tasks.contract.states import OWNED, TERMINAL, WAITING, RunState, ScanMode

#: Ended without an answer, but not by a user.
_BROKEN = frozenset({RunState.FAILED, RunState.LOST})


class Board:
    """All runs of one scan, updated by `apply` at a cost independent of their number.

    A late watcher first applies the state documents (as `StateChanged` at their `since_ms` and the newest
    `ProgressMade`), then all events: those older than the documents change nothing.
    """

    def __init__(self, rows: Iterable[Row], *, title: str, started_ms: int, note: str = "") -> None:
        self.title = title
        self.started_ms = started_ms
        self.note = note
        self.reported = False
        #: Grows with every change that a screen could show.
        self.version = 0
        self._rows = {row.run: row for row in rows}
        self._counts = Counter(row.state for row in self._rows.values())
        self._cores = sum(row.threads for row in self._rows.values() if row.state in OWNED)
        self._ended_ms: int | None = None
        self._notices: list[Notice] = []

    @classmethod
    def of(cls, spec: ScanSpec, runs: Sequence[RunSpec], *, note: str = "") -> Board:
        """The board of a scan that was just enqueued."""
        chain = spec.mode is ScanMode.CHAIN
        rows = [
            _new_row(run, place, state=RunState.PENDING if chain and place > 1 else RunState.QUEUED)
            for place, run in enumerate(sorted(runs, key=lambda run: run.index), start=1)
        ]
        return cls(rows, title=spec.model.title, started_ms=spec.created_ms, note=note)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every run, in the order of the scan."""
        return tuple(self._rows.values())

    def row(self, run: str) -> Row:
        """One run by its id."""
        return self._rows[run]

    def count(self, states: Iterable[RunState]) -> int:
        """How many runs are in one of `states`."""
        return sum(self._counts[state] for state in states)

    @property
    def is_over(self) -> bool:
        """Whether every run has ended."""
        return self.count(TERMINAL) == len(self._rows)

    def apply(self, event: AnyEvent, *, at_ms: int) -> bool:
        """Apply an event of `at_ms`, on the clock of the views' `now_ms`; returns whether it changed anything."""
        before = self.version
        match event:
            case StateChanged():
                self._change_state(event, at_ms)
            case ProgressMade():
                self._make_progress(event, at_ms)
            case Noted():
                self._note(event)
            case Extended():
                self._extend(event.runs, at_ms)
            case Reported():
                self.reported = True
                self.version += 1
        return self.version != before

    def settle(self, result: RunResult, *, at_ms: int) -> bool:
        """Take the exact figures of an ended run; returns whether it is in this scan.

        They replace those of its events, which are not the answer (the last objective in a simplex log is not the
        optimum).
        """
        row = self._rows.get(result.run)
        if row is None:
            return False
        told = row.state in TERMINAL or bool(row.error)
        settled = replace(
            row,
            state=result.state,
            since_ms=at_ms,
            attempt=result.attempt,
            host=result.host or row.host,
            verdict=result.verdict,
            reason=result.sentence,
            objective=result.objective,
            iteration=result.iterations,
            memory_mb=result.peak_memory_mb,
            runtime_s=result.runtime_s,
            runtime_at_ms=at_ms,
            error=result.sentence if result.state in _BROKEN else row.error,
            is_exact=True,
        )
        self._put(settled, at_ms=at_ms)
        if result.state in _BROKEN and not told:
            self._notices.append(Notice("error", _ending_words(settled), row.run))
        return True

    def show_places(self, places: Mapping[str, str]) -> None:
        """Take a team look's notes on its runs; the other runs get none."""
        for run, row in self._rows.items():
            place = "" if row.state in TERMINAL else places.get(run, "")
            if place != row.place:
                self._rows[run] = replace(row, place=place)
                self.version += 1

    def tell(self, notice: Notice) -> None:
        """Add a line to those from events."""
        self._notices.append(notice)
        self.version += 1

    def take_notices(self) -> list[Notice]:
        """New lines since the last call, oldest first."""
        notices, self._notices = self._notices, []
        return notices

    def headline(self, now_ms: int) -> Headline:
        """The scan in one line, at `now_ms`."""
        parked = self._counts[RunState.PARKED]
        end_ms = now_ms if self._ended_ms is None else self._ended_ms
        return Headline(
            title=self.title,
            done=self.count(TERMINAL),
            total=len(self._rows),
            unsuccessful=self.count(_BROKEN),
            running=self.count(OWNED),
            cores=self._cores,
            elapsed_s=max(0, end_ms - self.started_ms) / 1000,
            parked=parked,
            parked_why=self._parked_why() if parked else "",
            reported=self.reported,
            note=self.note,
        )

    def _parked_why(self) -> str:
        reasons = Counter(row.reason for row in self._rows.values() if row.state is RunState.PARKED and row.reason)
        return reasons.most_common(1)[0][0] if reasons else ""

    def _change_state(self, event: StateChanged, at_ms: int) -> None:
        row = self._rows.get(event.run)
        if row is None or row.state in TERMINAL or _is_stale(row, event.attempt, at_ms):
            return
        again = event.attempt > row.attempt > 0
        changed = replace(
            row,
            state=event.state,
            since_ms=at_ms,
            attempt=max(row.attempt, event.attempt),
            host=event.host or ("" if event.state in WAITING else row.host),
            reason=event.reason,
            place="",
            verdict=event.verdict,
            error="" if again else row.error,
        )
        if again or event.state in WAITING:
            changed = _without_progress(changed)
        self._put(_with_runtime(row, changed, at_ms), at_ms=at_ms)
        if row.state in OWNED and event.state not in TERMINAL and (again or event.state in WAITING):
            self._notices.append(Notice("warning", _again_words(row, changed), row.run))
        if event.state in _BROKEN:
            self._tell_failure(changed)

    def _tell_failure(self, row: Row) -> None:
        words = _ending_words(row)
        # The worker notes the error as soon as it sees it; the end of the run then adds nothing.
        if not row.error:
            self._notices.append(Notice("error", words, row.run))
            self._put(replace(self._rows[row.run], error=words), at_ms=row.since_ms)

    def _make_progress(self, event: ProgressMade, at_ms: int) -> None:
        row = self._rows.get(event.run)
        if row is None or row.state in TERMINAL or 0 < event.attempt < row.attempt:
            return
        if row.state in WAITING:
            if event.attempt <= row.attempt:
                return  # from an owner that has handed the run back
            row = _without_progress(replace(row, state=RunState.RUNNING, attempt=event.attempt, since_ms=at_ms))
        elif event.attempt > row.attempt:
            row = _without_progress(replace(row, attempt=event.attempt, since_ms=at_ms))
        if row.progress is not None and at_ms < row.runtime_at_ms:
            return
        look = event.progress
        ended = row.state is RunState.COLLECTING
        row = replace(
            row,
            progress=look,
            iteration=row.iteration if look.iteration is None else look.iteration,
            objective=row.objective if look.objective is None else look.objective,
            memory_mb=row.memory_mb if event.memory_mb is None else event.memory_mb,
            runtime_s=row.runtime_s if ended else event.runtime_s,
            runtime_at_ms=row.runtime_at_ms if ended else at_ms,
        )
        self._put(row, at_ms=at_ms)

    def _extend(self, runs: Sequence[RunSpec], at_ms: int) -> None:
        for run in runs:
            if run.run in self._rows:
                continue
            self._rows[run.run] = replace(_new_row(run, len(self._rows) + 1), since_ms=at_ms)
            self._counts[RunState.QUEUED] += 1
            self._ended_ms = None
            self.version += 1

    def _note(self, event: Noted) -> None:
        row = self._rows.get(event.run)
        if row is None:
            if not event.run:
                self.tell(Notice(event.level, event.text))
            return
        if 0 < event.attempt < row.attempt:
            return
        self._notices.append(Notice(event.level, event.text, row.run))
        self._put(replace(row, error=event.text) if event.level == "error" else row, at_ms=row.since_ms)

    def _put(self, row: Row, *, at_ms: int) -> None:
        before = self._rows[row.run]
        self._rows[row.run] = row
        if before.state is not row.state:
            self._counts[before.state] -= 1
            self._counts[row.state] += 1
            self._cores += row.threads * ((row.state in OWNED) - (before.state in OWNED))
            if self._ended_ms is None and self.is_over:
                self._ended_ms = at_ms
        self.version += 1


def _is_stale(row: Row, attempt: int, at_ms: int) -> bool:
    return 0 < attempt < row.attempt or (attempt <= row.attempt and at_ms < row.since_ms)


def _without_progress(row: Row) -> Row:
    return replace(row, progress=None, iteration=None, objective=None, memory_mb=None, runtime_s=None, runtime_at_ms=0)


def _with_runtime(before: Row, after: Row, at_ms: int) -> Row:
    """Start the engine's clock when a run comes to `running`, stop it when it leaves."""
    if after.state is RunState.RUNNING and after.runtime_s is None:
        return replace(after, runtime_s=0.0, runtime_at_ms=at_ms)
    if before.state is RunState.RUNNING and after.state is not RunState.RUNNING and after.runtime_s is not None:
        return replace(after, runtime_s=before.elapsed_s(at_ms), runtime_at_ms=at_ms)
    return after


def _again_words(before: Row, after: Row) -> str:
    why = after.reason or f"{before.host or 'its host'} gave it up"
    if after.state in WAITING:
        return f"{why}; back in the queue"
    return f"{why}; try {after.attempt} on {after.host or 'another host'}"


def _ending_words(row: Row) -> str:
    what = row.verdict.value.replace("_", " ") if row.verdict else row.state.value
    return row.reason or row.error or what


def _new_row(run: RunSpec, number: int, *, state: RunState = RunState.QUEUED) -> Row:
    fields = {name: getattr(run, name) for name in ("run", "solver", "profile", "threads", "expected_s")}
    return Row(number=number, state=state, **fields)
