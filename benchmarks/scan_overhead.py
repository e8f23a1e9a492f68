"""What a scan costs beside its solves: `scan --parallel` against the same GAMS command lines bare, two at a time.

Usage: python benchmarks/scan_overhead.py [RUN_DIR] [--times-src DIR] [--rounds N]

Both start from the same staged snapshot layout: the bare commands run GAMS in fresh folders on the run folder's own
files. RUN_DIR defaults to the recorded tests' `denselp` model; a real TIMES demo says more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from times_doctor_cli.run_folder.run_dir import look
from times_doctor_tasks.profiles.option_file import with_threads
from times_doctor_tasks.profiles.registry import resolve
from times_doctor_worker.engines.gams_installation import clean_environ, find_gams

PROFILES = ("dual", "sift", "bar_nox")
#: Runs at once.
SLOTS = 2


def bare(gams: Path, driver: Path, idirs: list[Path], folder: Path) -> float:
    """Seconds for the three solves, started by threads, without anything else."""

    def solve(profile: str) -> None:
        work = folder / profile
        work.mkdir()
        (chosen,) = resolve([profile], "cplex", {})
        (work / "cplex.opt").write_text(with_threads(chosen.options, "cplex", 1))
        words = [f"idir{n}={path}" for n, path in enumerate(idirs, start=1)]
        words += [
            "LP=CPLEX",
            "RMIP=CPLEX",
            "MIP=CPLEX",
            "optfile=1",
            "fileCase=4",
            "lo=2",
            "logfile=run.log",
            "o=run.lst",
        ]
        words += ["trace=trace.txt", "traceopt=3", "gdx=run.gdx", "--ERR_ABORT=NO"]
        subprocess.run([gams, driver, *words], cwd=work, env=clean_environ(os.environ), check=True)

    start_s = time.perf_counter()
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(solve, PROFILES))
    return time.perf_counter() - start_s


def scan(run_dir: Path, times_src: Path | None, out: Path) -> float:
    """Seconds of the whole command, from start to the end of the process."""
    words = ["scan", run_dir, "--parallel", "--threads", "1", "--max-workers", SLOTS, "--out", out]
    words += [word for profile in PROFILES for word in ("-p", profile)]
    words += ["--times-src", times_src] if times_src else []
    start_s = time.perf_counter()
    program = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()"]
    subprocess.run([*program, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start_s


def main() -> None:
    """Runs the rounds in turn and prints medians and their difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).parents[1] / "tests" / "recorded" / "models" / "cover.gms"
    parser.add_argument("run_dir", nargs="?", type=Path, default=default)
    parser.add_argument("--times-src", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    gams = find_gams().path
    model = look(arguments.run_dir, times_src=arguments.times_src, environ=os.environ)
    idirs = [folder.path for folder in model.idirs]
    seconds: dict[str, list[float]] = {"bare": [], "scan": []}
    for _ in range(arguments.rounds + 1):
        folder = Path(tempfile.mkdtemp(prefix="td-bench-"))
        (folder / "bare").mkdir()
        seconds["bare"].append(bare(gams, model.driver, idirs, folder / "bare"))
        seconds["scan"].append(scan(arguments.run_dir, arguments.times_src, folder / "out"))
        shutil.rmtree(folder)
    for name, values in seconds.items():
        values.pop(0)  # the first round warms caches
        print(f"{name}: median {statistics.median(values):.3f} s [{min(values):.3f}-{max(values):.3f}]")
    extra = statistics.median(s - b for s, b in zip(seconds["scan"], seconds["bare"], strict=True))
    print(f"scan - bare: median of pairs {extra:.3f} s (target 0.5 s)")


if __name__ == "__main__":
    main()
