"""Exit codes of the command line and of a worker: the first that applies."""

from __future__ import annotations

from times_doctor_tasks.contract.errors import TimesDoctorError, UsageError
from times_doctor_tasks.contract.messages import Report
from times_doctor_tasks.contract.states import UNSUCCESSFUL, RunState, StopReason, Verdict

#: Every run ended well, and at least one is optimal.
OK = 0
#: A bad option, path or input.
USAGE = 2
#: Some run failed, was lost or ran out of time.
RUN_FAILED = 3
#: All ended, none optimal.
NONE_OPTIMAL = 4
#: Broker, hosts, engine.
INFRASTRUCTURE = 5
#: Runs contradict each other.
DISAGREE = 6
#: Ctrl-C, SIGHUP, SIGTERM.
INTERRUPTED = 130
#: The reader of our output has closed it (`| head`): the code of a program that SIGPIPE ended.
CLOSED_PIPE = 141

_PLANNED = frozenset({StopReason.BEATEN, StopReason.CAPPED})


def of_error(error: TimesDoctorError) -> int:
    """The code for an error that ends a command."""
    return USAGE if isinstance(error, UsageError) else INFRASTRUCTURE


def of_report(report: Report, *, interrupted: bool = False) -> int:
    """The code for a scan with a report. A run that a race or cap ended is not a failure."""
    if interrupted:
        return INTERRUPTED
    if not report.comparison.agree:
        return DISAGREE
    for run in report.runs:
        stopped = run.state in UNSUCCESSFUL and run.stop_reason not in _PLANNED
        if stopped or run.verdict is Verdict.LIMIT or run.state not in (*UNSUCCESSFUL, RunState.DONE):
            return RUN_FAILED
    return OK if any(run.verdict is Verdict.OPTIMAL for run in report.runs) else NONE_OPTIMAL
