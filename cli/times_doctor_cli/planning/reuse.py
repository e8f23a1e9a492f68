"""`--resume`: results of earlier runs that need not run again, because their inputs are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from times_doctor_cli.planning.hosts import Fleet
from times_doctor_cli.reports.layout import saved_reports
from times_doctor_cli.reports.reader import readable
from times_doctor_tasks.contract.messages import RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import CONCLUSIVE, RunState
from times_doctor_tasks.state_store.reader import Records

#: Newest scans of a broker that are searched.
NEWEST = 500

#: Snapshot, engine and its version, solver, option text, threads, repeat. The version of the solver follows from the
#: engine's: GAMS brings its solvers with it, and the others are engines themselves.
_Inputs: TypeAlias = tuple[str, str, str, str, str, int, int]


class Earlier(msgspec.Struct, frozen=True):
    """An ended run, and its inputs."""

    snapshot: str
    run: RunSpec
    result: RunResult


def earlier_in(out: Path) -> Iterator[Earlier]:
    """Runs of the scans with reports below `out`; unreadable reports are left out."""
    for report, asked in readable(saved_reports(out)):
        yield from _pairs(report.spec, asked, {run.run: run for run in report.runs})


def earlier_on(records: Records, snapshot: str) -> Iterator[Earlier]:
    """Runs of the same model on a broker, also of scans that have not ended."""
    for spec in records.specs(records.scans(newest=NEWEST)):
        if spec.model.snapshot == snapshot:
            yield from _pairs(spec, records.runs(spec), records.results(spec))


def reuse(spec: ScanSpec, runs: Sequence[RunSpec], fleet: Fleet, earlier: Iterable[Earlier]) -> list[RunSpec]:
    """The same runs; those that ran before with the same inputs get the newest such result.

    A version counts as the same if a host that could take the run has it. Only a proof (optimal, infeasible, unbounded)
    is reused: a run that was stopped, or failed, is run again.
    """
    known: dict[_Inputs, RunResult] = {}
    for one in sorted(earlier, key=lambda one: one.result.finished_ms or 0):
        version = one.result.engine_version
        if version and is_reusable(one.result):
            known[_inputs(one.snapshot, one.run, version)] = one.result
    reused = []
    for run in runs:
        versions = dict.fromkeys(card.engines[run.engine] for card in fleet.having(run.solver))
        found = (known.get(_inputs(spec.model.snapshot, run, version)) for version in versions)
        result = next(filter(None, found), None)
        reused.append(run if result is None else msgspec.structs.replace(run, reused=_taken(result, run)))
    return reused


def is_reusable(result: RunResult) -> bool:
    """Whether a repetition would give the same result."""
    return result.state is RunState.DONE and result.verdict in CONCLUSIVE


def _inputs(snapshot: str, run: RunSpec, version: str) -> _Inputs:
    return snapshot, run.engine, version, run.solver, run.options, run.threads, run.repeat


def _taken(result: RunResult, run: RunSpec) -> RunResult:
    if result.reused_from:
        return msgspec.structs.replace(result, scan=run.scan, run=run.run, profile=run.profile)
    return msgspec.structs.replace(
        result,
        scan=run.scan,
        run=run.run,
        profile=run.profile,
        reused_from=result.scan,
        sentence=f"Taken from scan {result.scan}, which had the same inputs. {result.sentence}".rstrip(),
    )


def _pairs(spec: ScanSpec, runs: Iterable[RunSpec], results: Mapping[str, RunResult]) -> Iterator[Earlier]:
    for run in runs:
        if run.run in results:
            yield Earlier(spec.model.snapshot, run, results[run.run])
