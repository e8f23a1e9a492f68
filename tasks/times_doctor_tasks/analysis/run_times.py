"""A run's time without its wait for a core.

The measures, and why: docs/recommendation.md. All are pure functions of a run's document.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from times_doctor_tasks.contract.messages import RunResult

#: More CPU time than this share of what its threads could use is wrong ...
_MOST_CPU_REL = 1.05
#: ... beyond so many seconds: a library's own threads at the start are not part of a solve.
_SMALL_S = 0.25
#: A run that was neither on a core nor waiting for one during this share of its time waited for something else.
_OTHER_WAIT_REL = 0.2


class Measure(StrEnum):
    """The measure by which all runs of a scan are compared."""

    QUIET = "quiet_s"
    """Wall time without the wait for a core."""
    CPU = "cpu_s"
    """CPU time: the wait for a core is not known of every run."""
    WALL = "wall"
    """Wall time."""


def trusted_cpu_s(result: RunResult) -> float | None:
    """The CPU time of a run, if plausible."""
    if result.cpu_s is None or result.runtime_s is None or result.cpu_s <= 0:
        return None
    most_s = result.runtime_s * (result.threads or 1) * _MOST_CPU_REL + _SMALL_S
    return result.cpu_s if result.cpu_s <= most_s else None


def quiet_s(result: RunResult) -> float | None:
    """Wall time without the wait for a core, of a run on one thread; None if unknown.

    With several threads neither this nor CPU time is the time of a quiet machine: waiting threads spin.
    """
    cpu_s = trusted_cpu_s(result)
    if cpu_s is None or result.run_delay_s is None or result.runtime_s is None or result.threads != 1:
        return None
    return result.runtime_s * cpu_s / (cpu_s + result.run_delay_s)


def delay_share(result: RunResult) -> float | None:
    """The share of its time for which a run was ready and waited for a core; None if unknown.

    >>> from times_doctor_tasks.testing.documents import make_result
    >>> delay_share(make_result(runtime_s=10.0, cpu_s=6.0, run_delay_s=4.0))
    0.4
    >>> delay_share(make_result(runtime_s=10.0, cpu_s=0.1, run_delay_s=0.5))  # it waited for something else
    0.05
    """
    cpu_s = trusted_cpu_s(result)
    if cpu_s is None or result.run_delay_s is None:
        return None
    return result.run_delay_s / max(cpu_s + result.run_delay_s, result.runtime_s or 0.0)


def other_wait_s(result: RunResult) -> float:
    """Seconds that a run on one thread waited for something else: a licence, a disk, a solver elsewhere.

    >>> from times_doctor_tasks.testing.documents import make_result
    >>> other_wait_s(make_result(runtime_s=10.0, cpu_s=6.0, run_delay_s=1.0)), other_wait_s(make_result(runtime_s=10.0))
    (3.0, 0.0)
    """
    cpu_s = trusted_cpu_s(result)
    if cpu_s is None or result.runtime_s is None or result.run_delay_s is None or result.threads != 1:
        return 0.0
    waited_s = result.runtime_s - cpu_s - result.run_delay_s
    return waited_s if waited_s > max(_OTHER_WAIT_REL * result.runtime_s, _SMALL_S) else 0.0


def measure_of(results: Sequence[RunResult]) -> Measure:
    """The measure that all of `results` have."""
    if any(r.threads != 1 or trusted_cpu_s(r) is None or other_wait_s(r) for r in results):
        return Measure.WALL
    return Measure.QUIET if all(r.run_delay_s is not None for r in results) else Measure.CPU


def time_s(result: RunResult, measure: Measure) -> float | None:
    """A run's time by `measure`."""
    if measure is Measure.WALL:
        return result.runtime_s
    return quiet_s(result) if measure is Measure.QUIET else trusted_cpu_s(result)
