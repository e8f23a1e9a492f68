"""Finds files by names as written on Windows: any case, either slash."""

from __future__ import annotations

import os
import re
from pathlib import Path

from times_doctor_cli.run_folder.errors import AmbiguousName

_ABSOLUTE = re.compile(r"[A-Za-z]:|[\\/]")
_SLASHES = re.compile(r"[\\/]+")


def is_absolute(written: str) -> bool:
    r"""Whether a name, as written for Windows or POSIX, begins at a drive, a server or the root.

    >>> [is_absolute(name) for name in ("C:\\Veda", r"\\server\x", "/data", "C:x.dd", r"..\x.dd", "x.dd")]
    [True, True, True, True, False, False]
    """
    return bool(_ABSOLUTE.match(written))


def parts_of(written: str) -> list[str]:
    r"""The parts of a relative name, without "." and empty ones.

    >>> parts_of(r".\..\data/base.dd")
    ['..', 'data', 'base.dd']
    """
    return [part for part in _SLASHES.split(written) if part not in ("", ".")]


def base_of(written: str) -> str:
    r"""The last part of a name, empty where there is none.

    >>> base_of(r"C:\Veda\case.run"), base_of(".\\"), base_of("")
    ('case.run', '', '')
    """
    return (parts_of(written) or [""])[-1]


def physical(path: Path) -> Path:
    """The absolute path, links of folders followed (a process goes up with `..` from there), a file's own name kept."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


class Folders:
    """Looks names up in folders; reads each folder once."""

    def __init__(self) -> None:
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def names(self, folder: Path) -> list[str]:
        """Names of everything in a folder, sorted; empty if there is no such folder."""
        return sorted(name for names in self._listing(folder).values() for name in names)

    def find(self, base: Path, written: str) -> Path | None:
        """The path of a relative name below `base`, or None; an exact match wins over one that differs in case.

        Raises:
            AmbiguousName: two entries differ only in case and neither matches exactly.
        """
        path = base
        for part in parts_of(written):
            if part == "..":
                path = path.parent
                continue
            found = self._match(path, part, written)
            if found is None:
                return None
            path = path / found
        return path

    def find_file(self, base: Path, written: str) -> Path | None:
        """Like `find`, for a file."""
        path = self.find(base, written)
        return path if path is not None and path.is_file() else None

    def find_folder(self, base: Path, written: str) -> Path | None:
        """Like `find`, for a folder."""
        path = self.find(base, written)
        return path if path is not None and path.is_dir() else None

    def _match(self, folder: Path, part: str, written: str) -> str | None:
        names = self._listing(folder).get(part.lower(), [])
        if part in names:
            return part
        if len(names) > 1:
            raise AmbiguousName(written, str(folder / names[0]), str(folder / names[1]))
        return names[0] if names else None

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        listing = self._listings.get(folder)
        if listing is None:
            listing = self._listings[folder] = {}
            try:
                names = sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths: ten times faster
            except OSError:
                names = []
            for name in names:
                listing.setdefault(name.lower(), []).append(name)
        return listing
