"""Files that others read while we write them: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a name beside `path` to write to, which takes `path`'s place when the block ends well.

    When it does not, nothing is left and what stood at `path` still stands there. The name is short, since
    `path`'s own may be as long as a name can be, and is unique: two writers of one file do not meet.

    Raises:
        OSError: what was written cannot take the place of `path`.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield part
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read, whole also when the machine loses its power.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as part, open(part, "xb", opener=_private) as out:  # pathlib's has no opener
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
