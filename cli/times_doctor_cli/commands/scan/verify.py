"""`times-doctor verify`: what your GAMS does with times-doctor, in one file that you can mail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from times_doctor_cli.reports.reader import SavedReport


def verify(
    run_dir: Annotated[Path | None, typer.Argument(metavar="[RUN_DIR]", help="Also test this model.")] = None,
    gams_path: Annotated[Path | None, typer.Option(help="GAMS system folder or executable.")] = None,
    timeout_seconds: Annotated[float, typer.Option(metavar="S", help="Time limit of each run of your model.")] = 600.0,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Keep the names of your model and machine, and paths.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("times-doctor-verify.json"),
) -> None:
    """Test times-doctor with your GAMS, and write the results.

    Runs six small models, and yours if you name one, under two profiles each. The file has versions, verdicts, timings
    and the first and last lines of each log. Names and paths are removed unless --keep-names is given.
    """
    import tempfile

    import msgspec

    from times_doctor_cli.reports.writers.files import write_atomically
    from times_doctor_cli.terminal.console import say
    from times_doctor_cli.verify.record import misses
    from times_doctor_cli.verify.runner import verify as run_all
    from times_doctor_tasks.contract import exit_codes

    with tempfile.TemporaryDirectory(prefix="td-verify-") as folder:
        record = run_all(
            Path(folder),
            gams_path=gams_path,
            run_dir=run_dir,
            timeout_s=timeout_seconds,
            keep_names=keep_names,
            on_case=_tell,
        )
    write_atomically(out, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    wrong = list(misses(record))
    say("\n".join([*wrong, f"Wrote {out}: check what it contains, then mail it to the person who asked for it."]))
    if wrong:
        raise typer.Exit(exit_codes.RUN_FAILED)


def _tell(name: str, saved: SavedReport) -> None:
    from times_doctor_cli.terminal.console import say

    endings = ", ".join(f"{run.profile} {run.verdict or run.state}" for run in saved.report.runs)
    say(f"{name}: {endings}")
