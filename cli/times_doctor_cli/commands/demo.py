"""`times-doctor demo`: writes the sample model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write it.")] = Path("demo"),
) -> None:
    """Write a small energy-system model: as a GAMS run folder, and as a larger LP file for HiGHS alone."""
    from times_doctor_cli.console import say
    from times_doctor_cli.demo import write_demo

    files = write_demo(folder)
    say(f"Wrote the sample model to {folder}. Next:")
    say(f"  times-doctor scan {files.run_dir} --parallel       by GAMS")
    say(f"  times-doctor scan {files.lp_file} --parallel   by HiGHS, without GAMS")
