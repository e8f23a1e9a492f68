"""Runs with several attempts: where, for how long, and why each ended."""

from __future__ import annotations

import msgspec

from times_doctor_tasks.contract.messages import Report, RunResult


class Try(msgspec.Struct, frozen=True):
    """One attempt at a run, as a report shows it. All times come from the broker's clock."""

    attempt: int
    host: str
    began_s: float
    """Since the first attempt at any run of the scan."""
    lasted_s: float | None
    ended_as: str
    """A state, or why the run moved to another host: "host lost", "handed back by h1"."""


def begun_again(report: Report) -> dict[str, list[Try]]:
    """The attempts of each run with more than one, by run, in the order of the scan."""
    zero_ms = min((attempt.start_ms for run in report.runs for attempt in run.attempts), default=0)
    return {run.run: _tries(run, zero_ms) for run in report.runs if len(run.attempts) > 1}


def _tries(run: RunResult, zero_ms: int) -> list[Try]:
    return [
        Try(
            attempt=each.attempt,
            host=each.host,
            began_s=(each.start_ms - zero_ms) / 1000,
            lasted_s=None if each.end_ms is None else (each.end_ms - each.start_ms) / 1000,
            ended_as=each.ended_as or "not known",
        )
        for each in run.attempts
    ]
