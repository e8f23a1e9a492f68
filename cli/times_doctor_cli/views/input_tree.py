"""A model's inputs as a tree of folders, with the place that names each file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import msgspec
from rich.text import Text
from rich.tree import Tree

from times_doctor_cli.terminal.signs import printable
from times_doctor_cli.terminal.units import count

#: Files of one folder that are listed; the others are counted.
MOST_FILES = 12
#: This many files or more with the same reason become one line.
_MANY = 5


class PlannedFile(msgspec.Struct, frozen=True):
    """One input, and why it is one: "CASE_A.RUN:9"."""

    path: Path
    why: str


def input_tree(files: Sequence[PlannedFile], folders: Sequence[tuple[Path, str]] = ()) -> Tree | None:
    """The tree; None for a single file, which the facts name.

    Args:
        folders: The folders that GAMS searches, each with its source.
    """
    if len(files) < 2:
        return None
    said = dict(folders)
    by_folder: dict[Path, list[PlannedFile]] = {}
    for file in files:
        by_folder.setdefault(file.path.parent, []).append(file)
    root = _common(list(by_folder))
    tree = Tree(_label(str(root), said.get(root, "")), guide_style="dim")
    branches = {root: tree}
    for folder in sorted(by_folder):
        branch = branches.get(folder)
        if branch is None:
            above = max((known for known in branches if folder.is_relative_to(known)), key=lambda path: len(path.parts))
            branch = branches[folder] = branches[above].add(
                _label(f"{folder.relative_to(above).as_posix()}/", said.get(folder, ""))
            )
        _add_files(branch, by_folder[folder])
    return tree


def _add_files(branch: Tree, files: Sequence[PlannedFile]) -> None:
    lines = []
    for why, group in groupby(files, key=lambda file: file.why):
        alike = list(group)
        if len(alike) >= _MANY:
            lines.append(_label(f"{count(len(alike))} files", why))
        else:
            lines += [_label(file.path.name, why) for file in alike]
    for line in lines[:MOST_FILES]:
        branch.add(line)
    if len(lines) > MOST_FILES:
        branch.add(Text(f"{count(len(lines) - MOST_FILES)} more", "dim"))


def _label(name: str, why: str) -> Text:
    text = Text(printable(name), no_wrap=True, overflow="ellipsis")
    return text.append(f"  {printable(why)}", "dim") if why else text


def _common(folders: Sequence[Path]) -> Path:
    """The folder that holds them all; the first one where they share no drive."""
    for candidate in (folders[0], *folders[0].parents):
        if all(folder.is_relative_to(candidate) for folder in folders):
            return candidate
    return folders[0]
