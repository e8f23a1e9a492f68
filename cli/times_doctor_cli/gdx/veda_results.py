"""Results for VEDA that a host made from a run's GDX: fetched as an archive, and unpacked beside the run's files."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from times_doctor_cli.reports.layout import run_folder
from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.contract.messages import RunResult

#: Folder of the results, below the run's.
FOLDER = "veda"
#: The note beside results whose marginals belong to another run.
INTERIOR = (
    "{run} ended without crossover. Its solution is not a vertex: the marginals in these files (VAR_*M, EQ_*M and "
    "other dual values) differ from those of a simplex solve. Levels and the objective are good.\n"
)


def veda_folder(out: Path, run: RunResult) -> Path:
    """The folder for a run's results for VEDA."""
    return run_folder(out, run.run) / FOLDER


def unpack(archive: Path, run: RunResult, folder: Path) -> None:
    """Unpacks the results into `folder`, with a note if their marginals are not those of a vertex.

    Raises:
        OSError: they cannot be written, or the archive is damaged.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as part:
        try:
            _fill(part, archive, run)
        except BaseException:  # also after Ctrl-C: no partial results may stay
            shutil.rmtree(part, ignore_errors=True)
            raise


def _fill(folder: Path, archive: Path, run: RunResult) -> None:
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as packed:
            for name in packed.namelist():
                with packed.open(name) as content, (folder / Path(name).name).open("wb") as target:
                    shutil.copyfileobj(content, target)
    except zipfile.BadZipFile as error:
        raise OSError(f"{archive.name} is damaged: {error}") from error
    if run.basis == "interior":
        (folder / "README.txt").write_text(INTERIOR.format(run=run.run), "utf-8")
