r"""Lines that must be changed for a solver host.

GAMS on Linux treats a backslash as a letter, and `fileCase=4` lower-cases the file part of a name only. Where the name
as written would not open the staged file, the line names that file relative to the staged run folder instead.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from times_doctor_cli.run_folder.caseless_names import Folders, is_absolute
from times_doctor_cli.run_folder.gams.chain_position import SetUse
from times_doctor_cli.run_folder.gams.dollar import name_text
from times_doctor_cli.run_folder.gams.macros import HERE, UNKNOWN
from times_doctor_cli.run_folder.hash_cache import FileUnreadable
from times_doctor_cli.run_folder.model import NameUse, Rewrite, SearchDir
from times_doctor_cli.run_folder.snapshot_layout import Layout
from times_doctor_tasks.snapshot.manifest import lower_name


class Rewriter:
    """Finds the lines to change in the staged copies."""

    def __init__(self, layout: Layout, idirs: Sequence[str], dirs: Sequence[SearchDir], folders: Folders) -> None:
        """`idirs`: the staged search folders, in GAMS's order; the first is the run folder."""
        self._layout = layout
        self._idirs = idirs
        self._dirs = dirs
        self._folders = folders
        self._staged = set(layout.names.values())

    def rewrites(self, uses: Iterable[NameUse], sets: Iterable[SetUse]) -> list[Rewrite]:
        """Every line to change, by file and line."""
        wanted: dict[Path, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
        for use in [*self._path_values(sets), *uses]:
            instead = use.value if use.value is not None else self._instead(use)
            if instead is not None and instead != use.raw and use.file in self._layout.names:
                wanted[use.file][use.line][use.raw] = instead
        return [rewrite for file, lines in wanted.items() for rewrite in self._of_file(file, lines)]

    def _instead(self, use: NameUse) -> str | None:
        """The new text for a name; None if it is right as it is."""
        if use.target is None:
            return _with_slashes(use.raw)
        staged = self._layout.names.get(use.target)
        if staged is None or (not use.is_exact and self._opens(use) == staged):
            return None
        return _as_bytes(posixpath.relpath(staged, self._idirs[0]))

    def _opens(self, use: NameUse) -> str | None:
        """The staged file that GAMS would open for an unchanged name."""
        here = use.name.startswith(HERE)
        name = use.name.removeprefix(HERE)
        if "\\" in name or is_absolute(name_text(name)) or _as_bytes(name_text(name)) != name:
            return None
        folder, _, base = name.rpartition("/")
        own = posixpath.dirname(self._layout.names[use.file])
        for start in [own] if here else self._idirs:
            path = posixpath.normpath(posixpath.join(start, folder, lower_name(base)))
            for candidate in (path, f"{path}.gms", f"{path}.gdx"):
                if candidate in self._staged:
                    return candidate
        return None

    def _path_values(self, sets: Iterable[SetUse]) -> Iterable[NameUse]:
        """`$set` values that are paths of this model, written with backslashes."""
        for use in sets:
            instead = self.staged_value(name_text(use.raw))
            if instead is not None:
                yield NameUse(use.file, use.line, use.raw, use.raw, None, _as_bytes(instead))

    def staged_value(self, text: str) -> str | None:
        """The new value if it is a path of this model with backslashes; None for any other."""
        if "\\" not in text or "%" in text or UNKNOWN in text or is_absolute(text):
            return None
        found = next((path for d in self._dirs if (path := self._folders.find(d.path, text))), None)
        staged = found and (self._layout.names.get(found) or self._layout.folder_name(found))
        slash = "/" if text.endswith(("\\", "/")) else ""
        return posixpath.relpath(staged, self._idirs[0]) + slash if staged else None

    def _of_file(self, file: Path, lines: dict[int, dict[str, str]]) -> Iterable[Rewrite]:
        texts = _read_lines(file, set(lines))
        for number in sorted(lines):
            before = after = texts[number]
            for raw, instead in sorted(lines[number].items(), key=lambda item: -len(item[0])):
                after = _replaced(after, raw, instead)
            if after != before:
                yield Rewrite(self._layout.names[file], number, before, after)


def _with_slashes(raw: str) -> str | None:
    r"""A computed name with its slashes put right and the known part of its folders lower-cased.

    >>> _with_slashes(r"..\Data\%scen%.dd")
    '../data/%scen%.dd'
    """
    folder, slash, base = raw.replace("\\", "/").rpartition("/")
    parts = folder.split("%")
    known = "%".join(part if number % 2 else lower_name(part) for number, part in enumerate(parts))
    return f"{known}{slash}{base}"


def _as_bytes(text: str) -> str:
    """Text as in a UTF-8 file, one character per byte."""
    return text.encode().decode("latin-1")


def _replaced(line: str, raw: str, instead: str) -> str:
    """Replace a name; adds quotes if the new one has a space and the old one had none."""
    if " " in instead and f'"{raw}"' not in line and f"'{raw}'" not in line:
        instead = f'"{instead}"'
    return line.replace(raw, instead)


def _read_lines(file: Path, numbers: set[int]) -> dict[int, str]:
    """Some lines of a file, as latin-1, without their line ends."""
    try:
        with file.open("rb") as stream:
            return {
                number: line.rstrip(b"\r\n").decode("latin-1")
                for number, line in enumerate(stream, 1)
                if number in numbers
            }
    except OSError as exc:
        raise FileUnreadable(str(file), exc.strerror or str(exc)) from exc


def rewritten_content(content: bytes, rewrites: Sequence[Rewrite]) -> bytes | None:
    """A file with its lines changed; None if a line differs from what was read: the file has changed since."""
    by_line = {rewrite.line: rewrite for rewrite in rewrites}
    lines = content.split(b"\n")
    for number, rewrite in by_line.items():
        if number > len(lines):
            return None
        line = lines[number - 1]
        end = line[len(line.rstrip(b"\r")) :]
        if line.rstrip(b"\r").decode("latin-1") != rewrite.before:
            return None
        lines[number - 1] = rewrite.after.encode("latin-1") + end
    return b"\n".join(lines)
