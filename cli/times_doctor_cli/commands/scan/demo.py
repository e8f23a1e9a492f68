"""`times-doctor demo`: writes the sample model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write it.")] = Path("demo"),
    solvers: Annotated[
        bool, typer.Option("--solvers", help="Also write a small model file and scan it with CPLEX, without GAMS.")
    ] = False,
) -> None:
    """Write a small energy-system model to try scans with.

    Writes a run folder for GAMS, and a larger model file that HiGHS solves without GAMS.
    """
    from times_doctor_cli.demo.files import SMALL_NAME, write_demo
    from times_doctor_cli.terminal.console import say

    files = write_demo(folder, small=solvers)
    if solvers:
        # With the profiles of dlg0/times-doctor. As a new process: a scan must start its local broker before imports.
        words = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", "scan"]
        scan = [*words, str(folder / SMALL_NAME), "--parallel", "--solver", "cplex"]
        raise typer.Exit(subprocess.run(scan, check=False).returncode)
    say(f"Wrote a model of a small energy system to {folder}. To scan it:")
    program = typed_program()
    say(f"  {program} scan {files.run_dir} --parallel\n      with GAMS")
    say(f"  {program} scan {files.lp_file} --parallel\n      with HiGHS, a free solver; needs no GAMS")


def typed_program() -> str:
    """How to call this program from here: by its path if it is not on PATH, as after `make demo`."""
    path = Path(sys.argv[0])
    is_unknown = path.name == "times-doctor" and shutil.which(path.name) is None
    return str(path) if is_unknown and path.is_file() else "times-doctor"
