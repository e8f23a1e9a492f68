"""Every benchmark of a target, each beside what a user would do otherwise; writes docs/benchmarks.md.

Usage: python -m benchmarks.bench [ROW ...] [--rounds N] [--minutes N] [--smoke] [--write] [--models DIR]

--smoke: each row once and as small as it can be, to see that it still runs. --minutes: rows that did not come to their
turn, or end, are named and left out. --models: a folder of LP files (`.mps`, `.mps.gz`), each solved bare and by a
local scan. What fails is a line that says so; the others run.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

from benchmarks import cost_rows, measuring, team_rows
from benchmarks.measuring import Bench, Line

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
#: In the order in which they run: the longest come last.
ROWS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    row.__name__: row
    for row in (
        cost_rows.start_up,
        cost_rows.local_scan,
        cost_rows.warm_queue,
        team_rows.log_line,
        team_rows.stop_latency,
        team_rows.many_runs,
        team_rows.streaming,
        team_rows.recovery,
        cost_rows.staging,
        cost_rows.parsing,
        cost_rows.real_models,
        team_rows.most_runs,
    )
}


class OutOfTime(BaseException):  # so that nobody takes it for an error of his own
    """The minutes are over."""


_SIGNS = {True: "yes", False: "**no**", None: ""}
_HEAD = """# Benchmarks

Written by `make bench`. Beside each figure stands what you would do without times-doctor, measured in the same run.
The rows of commands and of tiny LPs are medians of {rounds} interleaved rounds, the others one measurement. CPU is of
the whole process tree; "x" and "python" are multiples of a bare `python -c pass` in the same rounds.

{quiet}

{took}

| what | times-doctor | beside it | target | met |
|---|---|---|---|---|
"""
_QUIET = "The machine did nothing else."
_BUSY = (
    "**The machine was busy with other work**: CPU figures hold within a tenth or two, seconds do not,\n"
    "and a target in seconds that was missed is not judged."
)


def measured(name: str, bench: Bench, end_s: float) -> Iterator[Line]:
    """The lines of one row. What ends it early is its last line."""
    left_s = end_s - time.monotonic()
    if left_s < 1:
        yield Line(name, "not measured: no time was left")
        return
    signal.setitimer(signal.ITIMER_REAL, left_s)
    try:
        yield from ROWS[name](bench)
    except OutOfTime:
        yield Line(name, "not measured to its end: no time was left")
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the other rows can still say something
        words = f"{error} {getattr(error, 'stderr', None) or ''}".split()
        yield Line(name, f"failed: {' '.join(words) or type(error).__name__}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def page(lines: Sequence[Line], bench: Bench, took: str) -> str:
    """docs/benchmarks.md."""
    head = _HEAD.format(rounds=bench.rounds, quiet=_QUIET if bench.quiet else _BUSY, took=took)
    rows = ([line.what, line.ours, line.beside, line.target, _SIGNS[line.met]] for line in lines)
    return head + "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(ROWS)}; all by default")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--models", type=Path)
    return parser.parse_args()


def _out_of_time(*_: object) -> None:
    raise OutOfTime


def main() -> int:
    """Runs rows and prints their lines as they come; 1 if a row failed."""
    asked = _arguments()
    signal.signal(signal.SIGALRM, _out_of_time)
    start_s, before = time.monotonic(), measuring.load()
    bench = Bench(1 if asked.smoke else asked.rounds, asked.smoke, asked.models, measuring.is_quiet())
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "cli", "tasks", "worker"], cwd=PAGE.parents[1], check=True
    )
    lines = []
    for name in asked.rows or ROWS:
        for line in measured(name, bench, start_s + 60 * asked.minutes):
            lines.append(line)
            judged = "" if line.met is None else " (met)" if line.met else " (MISSED)"
            print(f"{line.what}: {line.ours}; {line.beside or '-'}; {line.target or '-'}{judged}", flush=True)
    versions = f"Python {platform.python_version()}, {os.cpu_count()} cores, {date.today().isoformat()}"
    minutes = (time.monotonic() - start_s) / 60
    took = f"{versions}, load {before:.1f} before and {measuring.load():.1f} after, {minutes:.0f} minutes."
    if asked.write:
        PAGE.write_text(page(lines, bench, took), encoding="utf-8")
    return int(any(line.ours.startswith("failed") for line in lines))


if __name__ == "__main__":
    sys.exit(main())
