"""The folder for staged models, hashes and the state of workers: created and tested before use."""

from __future__ import annotations

import tempfile
from pathlib import Path

from times_doctor_tasks.contract.errors import InfrastructureError, UsageError

#: Bytes that must fit: less than the state and logs of a worker take.
TRIAL_BYTES = 1 << 16


def require_cache_folder(folder: Path, origin: str | None) -> None:
    """Creates the folder if necessary, and checks that it is writable and not full.

    Raises:
        UsageError: the configured folder (`origin`: a variable or file) cannot be used.
        InfrastructureError: the default one cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # We try it: rights, read-only mounts and file servers fail in too many ways to ask.
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(TRIAL_BYTES))
            trial.flush()
    except OSError as error:
        why = "it is a file" if folder.is_file() else error.strerror or str(error)
        blamed = next((parent for parent in folder.parents if parent.is_file()), None)
        if blamed is not None:
            why = f"{str(blamed)!r} is a file"
        words = f"The cache folder {str(folder)!r}{f' (from {origin})' if origin else ''} cannot be used: {why}."
        if origin:
            raise UsageError(f"{words} Name a folder in which you may write, or leave it out.") from error
        raise InfrastructureError(f"{words} Set TIMES_DOCTOR_CACHE_DIR to a folder in which you may write.") from error
