"""Writes files atomically: others may read them at the same time."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path`, which replaces `path` if the block succeeds.

    Otherwise it is removed, and `path` is unchanged. The name is short, since `path`'s own may be as long as a name can
    be, and is unique: two writers of one file do not collide.

    Raises:
        OSError: the new file cannot replace `path`.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield part
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read, atomically even if the power fails.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as part, open(part, "xb", opener=_private) as out:  # pathlib's has no opener
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
