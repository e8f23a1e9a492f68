"""How long people wait for a first start when several share hosts: fair order beside first come, first served.

Usage: python -m benchmarks.fair_order [--seed N] [--rounds N] [--real]

The simulation draws scans of 2 to 20 people at random moments of a working day: mostly a few runs, now and then many;
lengths are log-normal (median 20 min, one in twenty beyond 100 min), as those of TIMES runs with several profiles are.
Order and steps are the product's (`state_store/fair_order.py`). `--real` confirms two points with a real broker, one
control worker and two hosts of two slots that replay a recorded GAMS: twelve runs of one person, and two of another
who comes a second later.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.state_store.fair_order import LAST_STEP

#: Hosts and people of each line.
SIZES = ((1, 2), (2, 4), (4, 8), (16, 10), (64, 20))
SLOTS_A_HOST = 2
#: A working day, minutes.
DAY_MIN = 480.0
#: A user waits for a scan with at most this many runs.
SMALL = 3


@dataclass
class Job:
    """One run."""

    person: int
    scan: int
    come_min: float
    length_min: float
    step: int = 0
    start_min: float = 0.0


def scans_of_a_day(people: int, slots: int, dice: random.Random) -> list[list[Job]]:
    """Scans in the order in which they come; together they ask for about all slots, all day long."""
    scans: list[list[Job]] = []
    asked_min = 0.0
    while asked_min < 0.95 * slots * DAY_MIN:
        come, person = dice.uniform(0, 0.8 * DAY_MIN), dice.randrange(people)
        amount = dice.choice([1, 2, 2, 3, 3, 6, 12, 24])
        lengths = [dice.lognormvariate(3.0, 1.0) for _ in range(amount)]
        scans.append([Job(person, len(scans), come, length) for length in lengths])
        asked_min += sum(lengths)
    return sorted(scans, key=lambda scan: scan[0].come_min)


def played(scans: Sequence[Sequence[Job]], slots: int, *, is_fair: bool) -> float:
    """Plays a day; each job gets its start. When all is done, minutes."""
    now_min, ends, waiting, number = 0.0, [], [], 0
    open_runs: dict[int, int] = {}
    coming = list(scans)
    while coming or ends or waiting:
        while waiting and len(ends) < slots:
            _, _, job = heapq.heappop(waiting)
            job.start_min = now_min
            heapq.heappush(ends, (now_min + job.length_min, number, job))
        next_come = coming[0][0].come_min if coming else float("inf")
        next_end = ends[0][0] if ends else float("inf")
        now_min = min(next_come, next_end)
        if next_end <= next_come:
            open_runs[heapq.heappop(ends)[2].person] -= 1
            continue
        for job in coming.pop(0):
            before = open_runs.get(job.person, 0)
            job.step = min(LAST_STEP, before // slots) if is_fair else 0
            open_runs[job.person] = before + 1
            heapq.heappush(waiting, (job.step, number := number + 1, job))
    return now_min


def least_makespan(scans: Sequence[Sequence[Job]], slots: int) -> float:
    """A lower bound for any order: runs that arrive after a moment must be solved after it."""
    jobs = sorted((job for scan in scans for job in scan), key=lambda job: -job.come_min)
    work, least = 0.0, 0.0
    for job in jobs:
        work += job.length_min
        least = max(least, job.come_min + work / slots, job.come_min + job.length_min)
    return least


def first_waits(scans: Sequence[Sequence[Job]]) -> list[float]:
    """Minutes from a small scan's coming to its first start."""
    return [min(job.start_min for job in scan) - scan[0].come_min for scan in scans if len(scan) <= SMALL]


def simulate(seed: int, rounds: int) -> None:
    """Prints a line for each size, both orders beside each other."""
    print("Small scans: first start after so many minutes (mean; 95 of 100 within). Makespan over the least possible.")
    print(f"{'hosts':>5} {'people':>6}   {'first come':>16} {'fair':>16}   {'first come':>10} {'fair':>6}")
    for hosts, people in SIZES:
        slots = hosts * SLOTS_A_HOST
        waits: dict[bool, list[float]] = {False: [], True: []}
        over: dict[bool, list[float]] = {False: [], True: []}
        for number in range(rounds):
            scans = scans_of_a_day(people, slots, random.Random(f"{seed} {hosts} {number}"))  # no secret
            for is_fair in (False, True):
                over[is_fair].append(played(scans, slots, is_fair=is_fair) / least_makespan(scans, slots))
                waits[is_fair] += first_waits(scans)
        cells = [f"{statistics.fmean(w):7.1f}; {sorted(w)[int(0.95 * len(w))]:6.1f}" for w in waits.values()]
        spans = [f"{statistics.fmean(values):.3f}" for values in over.values()]
        print(f"{hosts:5} {people:6}   {cells[0]:>16} {cells[1]:>16}   {spans[0]:>10} {spans[1]:>6}")


def confirm() -> None:
    """The same with real workers: the late scan's first start, and the makespan, in both orders."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.faults.bed import Bed, PortBroker

    from times_doctor_tasks.state_store.fair_order import in_fair_order

    print("\nReal workers: 2 hosts x 2 slots, 12 runs, and 2 of another person a second later; seconds.")
    for name, order in (("first come", _as_given), ("fair", in_fair_order)):
        with tempfile.TemporaryDirectory(prefix="td-fair-") as folder:
            broker = PortBroker()
            bed = Bed(Path(folder), broker)
            try:
                print(f"  {name:10} {_measured(bed, order)}")
            finally:
                bed.close()
                broker.close()


def _as_given(_: object, __: object, runs: list[RunSpec]) -> list[RunSpec]:
    return runs


def _measured(bed: object, order: Callable[..., list[RunSpec]]) -> str:
    from tests.faults.bed import Bed

    assert isinstance(bed, Bed)
    bed.control()
    for name in ("h1", "h2"):
        bed.host(name)
    warm = bed.submit_gams("bar", "dual", "bar-2", "dual-2", speed=0)
    bed.report(warm)
    began_s = time.monotonic()
    scans = [bed.submit_gams(*(f"dual-{n}" for n in range(12)), speed=0.45, client="anna@pc", order=order)]
    time.sleep(max(0.0, began_s + 1 - time.monotonic()))
    scans.append(bed.submit_gams("dual-1", "dual-2", speed=0.45, client="ben@pc", order=order))
    come_ms = scans[1].created_ms
    reports = [bed.report(spec, timeout_s=300) for spec in scans]
    started = [run.started_ms or 0 for run in reports[1].runs]
    length_s = statistics.fmean(run.runtime_s or 0.0 for report in reports for run in report.runs)
    ends = [run.ended_ms or 0 for report in reports for run in report.runs]
    makespan_s = (max(ends) - min(run.started_ms or 0 for run in reports[0].runs)) / 1000
    least_s = length_s * 4  # fourteen runs on four slots
    return (
        f"first start {(min(started) - come_ms) / 1000:5.1f}, second {(max(started) - come_ms) / 1000:5.1f}; "
        f"makespan {makespan_s:5.1f}, least {least_s:5.1f} (runs of {length_s:.1f} s)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--real", action="store_true")
    arguments = parser.parse_args()
    simulate(arguments.seed, arguments.rounds)
    if arguments.real:
        confirm()
