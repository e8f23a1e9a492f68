"""How long the command line takes to say something, and how much memory it and an idle worker hold.

Usage: python benchmarks/startup.py [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

PROGRAM = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()"]
NOTHING = [sys.executable, "-c", "pass"]


def seconds(argv: list[str]) -> float:
    """Wall seconds of one process."""
    start_s = time.perf_counter()
    subprocess.run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start_s


def resident_mb(imports: str) -> float:
    """Peak resident memory of a process that has imported these modules, MB."""
    code = f"import {imports}, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    kilobytes = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return int(kilobytes) / 1024


def main() -> None:
    """Prints medians in ms and MB."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    commands = {"python -c pass": NOTHING, "--help": [*PROGRAM, "--help"], "scan --help": [*PROGRAM, "scan", "--help"]}
    commands["scan MISSING"] = [*PROGRAM, "scan", "/nowhere/at/all"]
    for name, argv in commands.items():
        values = [seconds(argv) for _ in range(rounds)]
        print(f"{name}: median {1000 * statistics.median(values):.0f} ms [{1000 * min(values):.0f}]")
    client = resident_mb(
        "times_doctor_cli.scan.run, times_doctor_cli.scan.backends, times_doctor_tasks.celery_app.canvas"
    )
    print(f"command line with everything a scan needs: {client:.0f} MB (target 90 MB)")
    print(f"worker: {resident_mb('times_doctor_worker.service.worker'):.0f} MB (target 90 MB)")


if __name__ == "__main__":
    main()
