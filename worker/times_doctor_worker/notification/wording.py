"""The text of messages about a scan: ids, persons, counts, profiles and hosts, nothing about the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from times_doctor_tasks.analysis.advice import no_winner_words, rough_text, times_words
from times_doctor_tasks.contract.messages import Report, ScanSpec
from times_doctor_tasks.contract.wording import counted, some_of
from times_doctor_worker.recovery.rules import Action, Remedy

#: Most names of one kind in a message, and most characters of a line: clients write them, at any length.
_MOST_NAMES, _MOST_CHARACTERS = 8, 300


class Message(msgspec.Struct, frozen=True):
    """One message."""

    scan: str
    title: str
    body: str


def ended(report: Report) -> Message:
    """The scan has a report."""
    spec, advice = report.spec, report.recommendation
    words = f"Use {advice.profile or advice.run}." if advice.run is not None else no_winner_words(report.runs)
    if advice.against not in (None, advice.profile) and (advice.speedup or 0) > 1:
        words = f"{words[:-1]}: {times_words(advice.speedup or 0)} x as fast as {advice.against}."
    endings = Counter(str(run.verdict or run.state).replace("_", " ") for run in report.runs)
    counts = ", ".join(f"{number} {ending}" for ending, number in endings.most_common())
    stopped_by = sorted({run.stopped_by for run in report.runs} - {""})
    return _message(
        spec,
        "has ended",
        words if report.comparison.agree else f"The runs do not agree. {words}",
        f"{counted(len(report.runs), 'run')}: {counts}.",
        f"Cancelled by {some_of(stopped_by, _MOST_NAMES)}." if stopped_by else "",
        f"It took {rough_text(max(0, report.created_ms - spec.created_ms) / 1000)}. "
        f"More: times-doctor report {spec.scan}",
    )


def waits(spec: ScanSpec, waiting: int, longest_s: float) -> Message:
    """Runs of the scan have waited for long."""
    words = f"{waiting} of {counted(len(spec.runs), 'run')} {'waits' if waiting == 1 else 'wait'} for a host."
    why = f"Why: times-doctor status {spec.scan}"
    return _message(spec, f"has waited for {rough_text(longest_s)}", words, why)


def lost(spec: ScanSpec, losses: Sequence[Action]) -> Message:
    """Hosts with runs of the scan went silent."""
    hosts = some_of(sorted({loss.seen.host for loss in losses}), _MOST_NAMES)
    again, ended = (
        some_of([loss.run for loss in losses if loss.remedy is remedy], _MOST_NAMES)
        for remedy in (Remedy.REQUEUE, Remedy.LOSE)
    )
    return _message(
        spec,
        f"has lost {hosts}",
        f"Started again elsewhere: {again}." if again else "",
        f"Not started again, for all attempts are used up: {ended}." if ended else "",
    )


def _message(spec: ScanSpec, what: str, *lines: str) -> Message:
    lines = (*filter(None, lines), f"Started by {spec.client or 'somebody'}.")
    return Message(
        spec.scan, _plain(f"times-doctor: scan {spec.scan} {what}"), "\n".join(_plain(line) for line in lines)
    )


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:_MOST_CHARACTERS]
