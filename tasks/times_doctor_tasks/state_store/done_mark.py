"""The done mark of a scan with a report: its result, for lists that do not read reports."""

from __future__ import annotations

from typing import Self

from times_doctor_tasks.contract.messages import Document, Report
from times_doctor_tasks.contract.states import RunState

#: Most failed runs that are named.
_MOST = 20


class DoneMark(Document, frozen=True, kw_only=True):
    """The result of a scan; empty if an older control worker wrote only the time."""

    at_ms: int = 0
    recommended: str = ""
    """`<solver>.<profile>`, or nothing where none can be."""
    outcome: str = ""
    """See `Recommendation.outcome`."""
    failed: tuple[str, ...] = ()
    """Runs that failed or were lost."""

    @classmethod
    def of(cls, report: Report) -> Self:
        """The mark of a report."""
        advice = report.recommendation
        failed = [run.run for run in report.runs if run.state in (RunState.FAILED, RunState.LOST)]
        return cls(
            at_ms=report.created_ms,
            recommended=advice.profile or advice.run or "",
            outcome=advice.outcome or "",
            failed=tuple(failed[:_MOST]),
        )
