"""Writes files atomically: others may read them at the same time."""

from __future__ import annotations

from pathlib import Path

from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.contract.errors import UsageError


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Puts `content` at `path` in one step, and returns `path`. Text is written as UTF-8, line ends as they are.

    Bytes from a file of another encoding (surrogates) are written back unchanged.

    Raises:
        UsageError: it cannot be written; an existing file is unchanged.
    """
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # a pipe or a device: to take its place would destroy it
            path.write_bytes(raw)
            return path
        with replacing(path) as part:
            part.write_bytes(raw)
    except OSError as error:
        raise UsageError(
            f"The file {str(path)!r} could not be written: {error.strerror or error}. "
            "Expected a writable folder with free space; choose another with --out."
        ) from error
    return path
