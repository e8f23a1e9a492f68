"""Results for VEDA: the files that `gdx2veda` makes of a GDX. It comes with GAMS and needs no licence."""

from __future__ import annotations

import logging
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.state_store.gdx_requests import GDX_FILE, VEDA_FILE

logger = logging.getLogger(__name__)

#: Seconds that one call may take: 200 MB of GDX take less than one minute.
TIMEOUT_S = 1800.0


def make_veda_results(tool: Path, folder: Path, definition: Path, name: str, environ: Mapping[str, str]) -> bool:
    """Makes `VEDA_FILE` from the GDX in `folder`, an archive of `<name>.vd`, `.vde` and `.vds`; true if it did.

    If it fails, only the archive is missing; the worker's log has the output of `gdx2veda`. `environ`: GAMS's.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix="veda-") as made:
            words = _run([str(tool), str(folder / GDX_FILE), str(definition), name], made, environ)
            files = sorted(Path(made).glob("*.vd*"))
            if words or not files:
                raise OSError(words or f"{tool.name} wrote none")
            with replacing(folder / VEDA_FILE) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in files:
                    archive.write(path, path.name)
    except (OSError, subprocess.TimeoutExpired) as error:  # a full disk, too: the run's result matters more
        logger.warning("no results for VEDA: %s", error, extra={"action": "no_veda"})
        return False
    return True


def _run(command: list[str], folder: str, environ: Mapping[str, str]) -> str:
    """What it said if it failed; else empty."""
    done = subprocess.run(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    return done.stdout.decode("utf-8", "replace")[-2000:] or str(done.returncode) if done.returncode else ""
