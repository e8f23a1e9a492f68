"""The path of each input file in the snapshot.

Files keep their places relative to each other, so that `..\\data\\base.dd` goes on working: each search folder, with
whatever the model reaches above it, becomes one region of the snapshot; regions that lie in each other are one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.model import FoundFile, SearchDir
from times_doctor_tasks.snapshot.manifest import WORKDIR, check_collisions, check_name, lower_name


class Layout(msgspec.Struct, frozen=True):
    """Names in the snapshot."""

    names: dict[Path, str]
    """Input file -> its name."""
    regions: tuple[tuple[Path, str], ...]
    """(folder of this machine, its name in the snapshot), none inside another."""

    def folder_name(self, folder: Path) -> str | None:
        """The name of a folder in the snapshot; None if it is outside all regions."""
        for root, label in self.regions:
            if folder.is_relative_to(root):
                return _join(label, folder.relative_to(root))
        return None

    def holds_files(self, folder_name: str) -> bool:
        """Whether there is anything below a folder of the snapshot."""
        return any(name.startswith(f"{folder_name}/") for name in self.names.values())


def lay_out(files: Iterable[FoundFile], dirs: Sequence[SearchDir]) -> Layout:
    """Name every file.

    Raises:
        HostileName: a name is not allowed in a snapshot.
        NameCollision: two files would become one.
    """
    files = list(files)
    regions = _regions([file for file in files if file.workdir_name is None], dirs)
    layout = Layout({}, regions)
    for file in files:
        if file.workdir_name is not None:
            name = lower_name(f"{WORKDIR}/{file.workdir_name}")
        else:
            folder = layout.folder_name(file.path.parent)
            assert folder is not None, f"{file.path} lies in no region"
            name = lower_name(f"{folder}/{file.path.name}")
        check_name(name)
        layout.names[file.path] = name
    check_collisions((name, str(path)) for path, name in layout.names.items())
    return layout


def _regions(files: Sequence[FoundFile], dirs: Sequence[SearchDir]) -> tuple[tuple[Path, str], ...]:
    roots: dict[Path, str] = {}
    labels = {search.path: search.label for search in dirs}
    anchors = {file.anchor for file in files}
    ordered = [search.path for search in dirs if search.path in anchors] + sorted(anchors - set(labels))
    for number, anchor in enumerate(dict.fromkeys(ordered), 1):
        reached = [str(file.path.parent) for file in files if file.anchor == anchor]
        root = Path(os.path.commonpath([str(anchor), *reached]))
        roots.setdefault(root, labels.get(anchor, f"more{number}"))
    outermost: list[tuple[Path, str]] = []
    for root in sorted(roots, key=lambda path: len(path.parts)):
        if not any(root.is_relative_to(outer) for outer, _ in outermost):
            outermost.append((root, _best_label(root, roots)))
    return tuple(outermost)


def _best_label(root: Path, roots: dict[Path, str]) -> str:
    inside = [label for path, label in roots.items() if path.is_relative_to(root)]
    return next((label for label in ("model", "source") if label in inside), inside[0])


def _join(label: str, relative: Path) -> str:
    return lower_name("/".join((label, *relative.parts)))
