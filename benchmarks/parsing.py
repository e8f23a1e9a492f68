"""How fast logs and listings are read: MB/s on one core, for logs that real GAMS runs left.

    python -m benchmarks.parsing [--seconds 1.0]

A log of each kind is repeated to 8 MB and fed in pieces of 64 KB, as a tail would; `+progress` adds the tracker that
a worker runs beside the reader, `+digest` what `report` collects. Speeds are per second of processor time, so that
other work on the machine does not count. The target is 10 MB/s of CPLEX log.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from times_doctor_tasks.parsers.gams.listing import read_listing
from times_doctor_tasks.parsers.gams.log import GamsLogReader
from times_doctor_tasks.parsers.progress.tracker import ProgressTracker
from times_doctor_tasks.parsers.solves.digest import LogDigest

CORPUS = Path(__file__).parent.parent / "tests" / "data" / "corpus"
TARGET_MB_S = 10.0
_PIECE_CHARS = 65_536
_SIZE_CHARS = 8_000_000
#: What dominates the log, and a case of it.
LOGS = (
    ("CPLEX barrier, bardisplay 2", "cplex_d007_bar_t2", True),
    ("CPLEX barrier, bardisplay 1", "cplex_d007_bar_bd1", True),
    ("CPLEX dual simplex, a row a pivot", "cplex_d007_dual_numemph", True),
    ("CPLEX primal simplex, a row a pivot", "long_cover_primal_sd2", True),
    ("CPLEX simplex, simdisplay 1", "long_cover_primal", True),
    ("CPLEX sifting", "cplex_d007_sift", True),
    ("CPLEX branch and cut", "own_mip_int", True),
    ("CPLEX, 120 small solves", "long_loop", True),
    ("GAMS lines of a TIMES run", "cplex_d003_dual_sd1", False),
    ("HiGHS ipm", "long_highs_ipm", False),
    ("Gurobi branch and cut", "long_gurobi_mip", False),
    ("Xpress barrier", "long_xpress_bar", False),
)


def content(case: str, file: str) -> str:
    """A corpus file's text, packed or not."""
    plain = CORPUS / case / file
    data = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_name(file + ".gz").read_bytes())
    return data.decode("utf-8", errors="replace")


def repeated_solve(text: str) -> str:
    """The log with its solver's part repeated until it is long, GAMS's part once."""
    start = text.index("--- Executing")
    end = text.rindex("--- Reading solution")
    middle = text[start:end]
    return text[:start] + middle * (1 + _SIZE_CHARS // max(1, len(middle))) + text[end:]


def repeated(label: str, case: str) -> str:
    """A log of `LOGS`, as long as it is measured."""
    text = content(case, "log.txt")
    return text * (1 + _SIZE_CHARS // len(text)) if label.startswith("GAMS") else repeated_solve(text)


def measure(run: Callable[[], object], size_bytes: int, *, seconds: float) -> float:
    """The best MB per second of processor time, of as many runs as fit into `seconds`, at least two."""
    best = float("inf")
    end = time.process_time() + seconds
    runs = 0
    while runs < 2 or time.process_time() < end:
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
        runs += 1
    return size_bytes / best / 1e6


def read_only(text: str) -> None:
    """Text to events, as a tail would feed it."""
    reader = GamsLogReader()
    for place in range(0, len(text), _PIECE_CHARS):
        reader.feed(text[place : place + _PIECE_CHARS])
    reader.close()


def with_progress(text: str) -> None:
    """The same, with the progress of a worker."""
    reader, tracker = GamsLogReader(), ProgressTracker()
    for number, place in enumerate(range(0, len(text), _PIECE_CHARS)):
        tracker.update(reader.feed(text[place : place + _PIECE_CHARS]), now_s=float(number))


def with_digest(text: str) -> None:
    """The same, with what `report` collects."""
    reader, digest = GamsLogReader(), LogDigest()
    for place in range(0, len(text), _PIECE_CHARS):
        digest.add(reader.feed(text[place : place + _PIECE_CHARS]))


def listing_text() -> str:
    """A listing of some 40 MB that is mostly equations and solution, with solve summaries in it."""
    summary = content("own_quality", "listing.lst")
    body = "".join(
        f"x(region{n % 50}.process{n},2050)      .        {n * 1.5:12.4f}     +INF       .\n" for n in range(60_000)
    )
    return (summary + body) * 10


def main() -> int:
    """Print the table; 1 if a CPLEX log is read slower than the target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="time per measurement")
    seconds = parser.parse_args().seconds
    print(f"{'log':38s} {'MB':>6s} {'reader':>8s} {'+progress':>10s} {'+digest':>8s}   MB/s")
    slow = []
    for label, case, counts in LOGS:
        text = repeated(label, case)
        size = len(text.encode())
        speeds = [measure(partial(run, text), size, seconds=seconds) for run in (read_only, with_progress, with_digest)]
        print(f"{label:38s} {size / 1e6:6.1f} {speeds[0]:8.1f} {speeds[1]:10.1f} {speeds[2]:8.1f}")
        if counts and speeds[0] < TARGET_MB_S:
            slow.append(label)
    text = listing_text()
    lines = text.split("\n")
    speed = measure(partial(read_listing, lines), len(text.encode()), seconds=seconds)
    print(f"{'listing, mostly solution':38s} {len(text) / 1e6:6.1f} {speed:8.1f}")
    if slow:
        print(f"slower than {TARGET_MB_S} MB/s: {', '.join(slow)}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
