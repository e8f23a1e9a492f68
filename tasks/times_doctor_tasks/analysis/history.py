"""The history of a model: a record for each ended run, and a summary of the records."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from times_doctor_tasks.analysis.advice import DECIDED
from times_doctor_tasks.analysis.run_times import quiet_s, trusted_cpu_s
from times_doctor_tasks.contract.fingerprint import Fingerprint
from times_doctor_tasks.contract.messages import Document, Report, RunSpec
from times_doctor_tasks.contract.states import SOLVED, StopReason, Verdict

#: Records that are kept, of a team and of a machine: the newest.
KEPT = 2_000
#: Runs that ended for these reasons do not count for their profile.
_SILENT = frozenset({StopReason.USER, StopReason.HOST_LOST, StopReason.SHUTDOWN, StopReason.LOG_TOO_LARGE})
#: The weight of a scan with an older version of its solver.
_OLD_WEIGHT = 0.5


class RunRecord(Document, frozen=True, kw_only=True):
    """An ended run in the history."""

    model: Fingerprint
    scan: str
    run: str
    at_ms: int
    solver: str
    profile: str
    options: str
    """Hash of its option file's text."""
    threads: int
    title: str = ""
    """What people call the model; known on the machine alone that scanned it, not to a team."""
    version: str = ""
    """Of the solver, else of its engine."""
    host: str = ""
    runtime_s: float | None = None
    quiet_s: float | None = None
    cpu_s: float | None = None
    memory_mb: float | None = None
    """Peak of its process tree."""
    verdict: Verdict | None = None
    out_of_memory: bool = False
    quality: dict[str, float] = msgspec.field(default_factory=dict)
    won: bool = False
    """Its profile was surely the fastest: no tie, and not too close to call."""

    @property
    def name(self) -> str:
        """`<solver>.<profile>`."""
        return f"{self.solver}.{self.profile}"


class Standing(msgspec.Struct, frozen=True):
    """The results of a profile with a model, or with similar models."""

    profile: str
    won: int
    contests: int
    """Decided scans of several profiles that it took part in."""
    older: int
    """Those of them that ran with an older version of its solver."""
    solved: int
    runs: int
    runtime_s: float | None
    """Median of those that solved, with the newest version where there are any."""
    memory_mb: float | None
    version: str
    weight: float
    """Scans won; one with an older version counts half."""


def records_of(report: Report, runs: Iterable[RunSpec], *, title: str = "") -> list[RunRecord]:
    """A record for each run of a scan that counts for its profile; none if the model has no fingerprint."""
    model, advice = report.spec.model.fingerprint, report.recommendation
    asked = {run.run: run for run in runs}
    return [
        RunRecord(
            model=model,
            scan=report.scan,
            run=result.run,
            at_ms=result.ended_ms or report.created_ms,
            solver=result.solver,
            profile=result.profile,
            options=hashed(asked[result.run].options),
            threads=asked[result.run].threads,
            title=title,
            version=result.solver_version or result.engine_version or "",
            host=result.host or "",
            runtime_s=result.runtime_s,
            quiet_s=quiet_s(result),
            cpu_s=trusted_cpu_s(result),
            memory_mb=result.peak_memory_mb,
            verdict=result.verdict,
            out_of_memory=result.stop_reason is StopReason.OUT_OF_MEMORY,
            quality=result.quality,
            won=advice.outcome == DECIDED and f"{result.solver}.{result.profile}" == advice.profile,
        )
        for result in report.runs
        if model is not None
        and result.run in asked
        and not result.reused_from
        and result.runtime_s is not None
        and result.stop_reason not in _SILENT
    ]


def hashed(options: str) -> str:
    """The hash of an option text."""
    return hashlib.sha256(options.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def standings(records: Sequence[RunRecord], present: Mapping[str, str] | None = None) -> list[Standing]:
    """The standing of each profile, the best first.

    Args:
        present: Solver -> its version here, if known; else the newest in the records.
    """
    newest = {record.solver: record.version for record in sorted(records, key=lambda r: r.at_ms)} | dict(present or {})
    own: dict[str, list[RunRecord]] = defaultdict(list)
    entrants: dict[str, set[str]] = defaultdict(set)
    for record in records:
        own[record.name].append(record)
        entrants[record.scan].add(record.name)
    decided = {record.scan for record in records if record.won and len(entrants[record.scan]) > 1}
    found = [_standing(name, mine, decided, newest[mine[0].solver]) for name, mine in own.items()]
    return sorted(found, key=lambda one: (-one.weight, one.contests, one.runtime_s or float("inf"), one.profile))


def _standing(name: str, own: Sequence[RunRecord], decided: set[str], version: str) -> Standing:
    scans = {record.scan: record for record in own if record.scan in decided}
    won = [record for record in scans.values() if record.won]
    solved = [record for record in own if record.verdict in SOLVED]
    times_s = [record.runtime_s for record in with_version(solved, version) if record.runtime_s is not None]
    return Standing(
        profile=name,
        won=len(won),
        contests=len(scans),
        older=sum(record.version != version for record in scans.values()),
        solved=len(solved),
        runs=len(own),
        runtime_s=median(times_s) if times_s else None,
        memory_mb=max((record.memory_mb for record in own if record.memory_mb is not None), default=None),
        version=version,
        weight=sum(1.0 if record.version == version else _OLD_WEIGHT for record in won),
    )


def with_version(records: Sequence[RunRecord], version: str) -> Sequence[RunRecord]:
    """Those with this version of their solver; all if there is none."""
    return [record for record in records if record.version == version] or records
