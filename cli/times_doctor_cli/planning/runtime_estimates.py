"""Estimates for a scan from the history: the time of its runs, and what was best for similar models."""

from __future__ import annotations

import contextlib
import heapq
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

import redis

from times_doctor_cli.client.session import Client
from times_doctor_cli.planning.hosts import Fleet
from times_doctor_cli.reports.local_history import local_history
from times_doctor_cli.terminal.units import memory
from times_doctor_tasks.analysis.advice import rough_text
from times_doctor_tasks.analysis.history import RunRecord, Standing, hashed, standings, with_version
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.fingerprint import Fingerprint
from times_doctor_tasks.contract.hosts import NATIVE_SOLVERS
from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.contract.states import SOLVED
from times_doctor_tasks.contract.wording import counted
from times_doctor_tasks.state_store.past_runs import past_runs

#: Newest runs whose memory counts: older ones had a different model.
NEWEST = 5


def history_for(client: Client | None) -> list[RunRecord]:
    """The team's records, or without a client this machine's; none if unreadable, as no scan may fail for that."""
    with contextlib.suppress(UsageError, redis.RedisError):
        return local_history() if client is None else past_runs(client.store)
    return []


def versions_of(fleet: Fleet) -> dict[str, str]:
    """Solver -> its version on the hosts; those in GAMS are known only after a run."""
    engines = [(name, version) for card in fleet.fit for name, version in card.engines.items()]
    return {name: version for name, version in engines if name in NATIVE_SOLVERS and version}


def expected_runtimes(
    past: Sequence[RunRecord], model: Fingerprint, runs: Sequence[RunSpec], present: Mapping[str, str]
) -> dict[str, float]:
    """Seconds each run may take, by its id: the median of what solved this model with the same options and threads.

    If there are times of the solver's present version, only these count. Runs without history are left out.
    """
    alike: dict[tuple[str, str, int], list[RunRecord]] = defaultdict(list)
    for record in past:
        if record.verdict in SOLVED and record.runtime_s is not None and record.model.is_same(model):
            alike[record.solver, record.options, record.threads].append(record)
    found = {}
    for run in runs:
        if own := alike.get((run.solver, hashed(run.options), run.threads)):
            counting = with_version(own, present.get(run.solver, own[-1].version))
            found[run.run] = median(record.runtime_s or 0.0 for record in counting)
    return found


def expected_memory(past: Sequence[RunRecord], model: Fingerprint, runs: Sequence[RunSpec]) -> dict[str, int]:
    """MB each run may take, by its id: the most of the newest runs of this model with its profile."""
    peaks: dict[str, list[float]] = defaultdict(list)
    for record in past:
        if record.memory_mb is not None and record.model.is_same(model):
            peaks[record.name].append(record.memory_mb)
    names = {run.run: f"{run.solver}.{run.profile}" for run in runs}
    return {run: math.ceil(max(peaks[name][-NEWEST:])) for run, name in names.items() if name in peaks}


def expected_words(runs: Sequence[RunSpec], slots: int, seats: Mapping[str, int]) -> str:
    """Threads, memory, time and seats of a scan's runs, if more than the threads is known.

    Args:
        seats: Solver -> how many of its runs may run at once on all hosts, if limited.
        slots: How many run at once; the time is that of the runs alone, in the order in which they start.
    """
    todo = [run for run in runs if run.reused is None]
    if not todo:
        return ""
    threads, needed = max(run.threads for run in todo), {run.solver for run in todo} & seats.keys()
    if all(run.solver in needed for run in todo):
        slots = min(slots, sum(seats[solver] for solver in needed))
    at_once = min(slots, len(todo))
    words = [f"{at_once} at once" if at_once > 1 else "one at a time"]
    words[0] += f" with {counted(threads, 'thread')}" + (" each" if at_once > 1 else "")
    needs_mb = [need for run in todo if (need := run.needed_mb)]
    if needs_mb:
        words.append(f"up to {memory(max(needs_mb))} a run")
    if all(run.expected_s is not None for run in todo):
        ends_s = [0.0] * max(1, slots)
        for run in todo:
            heapq.heapreplace(ends_s, ends_s[0] + (run.expected_s or 0.0))
        words.append(f"about {rough_text(max(ends_s))} in all")
    words += [f"{counted(seats[solver], 'seat')} of {solver} for everybody" for solver in sorted(needed)]
    return ", ".join(words) if len(words) > 1 else ""


def history_words(past: Sequence[RunRecord], model: Fingerprint, present: Mapping[str, str]) -> str:
    """A sentence on what was best before, for this model or else for similar ones; empty if unknown."""
    for subject, own in (
        ("this model", [record for record in past if record.model.is_same(model)]),
        ("models like this", [record for record in past if record.model.is_like(model)]),
    ):
        best = next((one for one in standings(own, present) if one.weight and one.contests), None)
        if best is not None:
            return f"for {subject} `{best.profile}` won {_won(best)}{_times(best)}"
    return ""


def _won(best: Standing) -> str:
    return f"{best.won} of {counted(best.contests, 'scan')}"


def _times(best: Standing) -> str:
    time = f", about {rough_text(best.runtime_s)}" if best.runtime_s is not None else ""
    if not best.older:
        return time
    older = "all of them" if best.older == best.contests else f"{best.older} of them"
    solver = best.profile.partition(".")[0]
    return f"{time}; {older} with another {solver} than {best.version}, which counts half"
