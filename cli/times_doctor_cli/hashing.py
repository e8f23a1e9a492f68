"""The sha256 of input files, remembered by what the file system says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileHash:
    """What was read, in one piece."""

    sha256: str
    size_bytes: int


class HashCache:
    """Remembers hashes between scans; losing it costs time, never correctness."""

    def __init__(self, folder: Path | None) -> None:
        """`folder`: where to remember (the user's cache folder); None remembers nothing."""
        self._folder = folder

    def hash_files(self, paths: Iterable[Path], *, threads: int = 2) -> dict[Path, FileHash]:
        """Hash each file once, reading only those that may have changed.

        Raises:
            FileChanged: a file changed while it was read.
        """
        raise NotImplementedError
