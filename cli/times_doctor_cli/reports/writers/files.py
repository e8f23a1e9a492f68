"""Files that other people read while we write them: whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from times_doctor_tasks.contract.errors import UsageError


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Puts `content` at `path` in one step, and returns `path`. Text is written as UTF-8, line ends as they are.

    Bytes that came from a file of another encoding (surrogates) go back as they came.

    Raises:
        UsageError: it cannot be written; what stood at `path` before still stands there.
    """
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    # In the same folder, since a rename does not cross file systems; by the process, so that two scans do not meet.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(raw)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UsageError(
            f"The file {str(path)!r} could not be written: {error.strerror or error}. "
            "Expected a writable folder with room; choose another with --out."
        ) from error
    return path
