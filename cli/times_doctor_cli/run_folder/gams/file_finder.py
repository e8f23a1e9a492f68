"""Finds the files that a model names, and lists those that it needs."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.caseless_names import Folders, base_of, is_absolute
from times_doctor_cli.run_folder.errors import (
    AbsoluteInclude,
    LeavesTree,
    MissingInput,
    NotAFile,
    SourceNotFound,
    TooMuch,
)
from times_doctor_cli.run_folder.gams.dollar import name_text
from times_doctor_cli.run_folder.gams.macros import HERE, UNKNOWN
from times_doctor_cli.run_folder.hash_cache import stamp_of
from times_doctor_cli.run_folder.model import ComputedGroup, FoundFile, NameUse, Role, SearchDir, SearchLimits
from times_doctor_cli.run_folder.times_source import (
    belongs_to_source,
    is_needed_source,
    is_times_source,
    outside_names,
    source_files,
    sources_near,
)
from times_doctor_tasks.contract.errors import UsageError

_ROLE_OF = {".dd": Role.DATA, ".dds": Role.DATA, ".gdx": Role.GDX}
#: Most missing files that are named without `strict`.
MOST_MISSING = 20
_QUOTED_NAME = re.compile(r"\"[^\"]+\"|'[^']+'")
_WRITTEN_NAME = re.compile(r"[^\s\"'<>|;,=()]+")


class Found(msgspec.Struct, frozen=True):
    """A file, and the search folder it was found from."""

    path: Path
    anchor: Path


class Finder:
    """The search folders of one run, and the files found in them."""

    def __init__(
        self, dirs: Sequence[SearchDir], folders: Folders, limits: SearchLimits, extra: Sequence[Path] = ()
    ) -> None:
        """`dirs`: in GAMS's order, the run folder first; `extra`: single files given with `--include`."""
        self.dirs = list(dirs)
        self.folders = folders
        self.files: dict[Path, FoundFile] = {}
        self.uses: list[NameUse] = []
        self.computed: list[ComputedGroup] = []
        self.warnings: list[str] = []
        self.missing = 0
        self.source: Path | None = next((d.path for d in self.dirs if is_times_source(d.path, folders)), None)
        self.limits = limits
        self.set_by_source: set[str] = set()
        """Compile-time variables that the TIMES source sets, in lower case."""
        self._total_bytes = 0
        self._written: set[str] = set()
        self._real: dict[Path, Path] = {}
        self._extra = list(extra)
        self._roots = [d.path.resolve() for d in self.dirs] + [path.resolve() for path in extra]

    # -- finding

    def find(self, name: str, file: Path, *, extensions: Sequence[str] = ("", ".gms")) -> Found | None:
        """The file that an include in `file` means; `name` is latin-1 text with its macros expanded."""
        if name.startswith(HERE):
            return self._in(file.parent, name_text(name[1:]), extensions)
        text = name_text(name)
        if UNKNOWN in text or HERE in text or not text.strip():
            return None
        if is_absolute(text):
            return self._absolute(text)
        for search in self.dirs:
            if found := self._in(search.path, text, extensions):
                return found
        return next((Found(path, path.parent) for path in self._extra if path.name.lower() == text.lower()), None)

    def _in(self, folder: Path, text: str, extensions: Sequence[str]) -> Found | None:
        for extension in extensions:
            if path := self.folders.find_file(folder, text + extension):
                return Found(path, folder)
        return None

    def _absolute(self, text: str) -> Found | None:
        """An absolute name works if `--include` gives the file, or if it leads into a search folder."""
        base = base_of(text).lower()
        for path in self._extra:
            if path.name.lower() == base:
                return Found(path, path.parent)
        path = Path(text)
        if path.is_absolute() and path.is_file():
            for search in self.dirs:
                if path.is_relative_to(search.path):
                    return Found(path, search.path)
        return None

    def report_missing(self, written: str, where: str, *, surely: bool) -> None:
        """Report a missing include: an error if it is surely read, see `miss`."""
        written = written.replace(HERE, "%system.fp%")
        if self.is_written(written):
            return
        if not surely:
            self.warn(f"{where} may include {written!r}, which was not found: taken as not needed.")
        elif is_absolute(written):
            self.miss(AbsoluteInclude(written, where))
        elif self.source is None and is_needed_source(written):
            near = sources_near(self.dirs[0].path, self.folders)
            self.miss(SourceNotFound(written, where, tuple(str(d.path) for d in self.dirs), near))
        elif path := self._entry(written):
            self.miss(NotAFile(written, where, str(path), _why_no_file(path)))
        else:
            self.miss(MissingInput(written, where, tuple(str(d.path) for d in self.dirs)))

    def miss(self, error: UsageError) -> None:
        """Report a missing file that the model surely reads."""
        if self.limits.are_strict:
            raise error
        self.missing += 1
        if self.missing <= MOST_MISSING:
            self.warn(str(error))

    def _entry(self, written: str) -> Path | None:
        """Something of this name that is not a file: a folder, a broken link."""
        found = (self.folders.find(search.path, written) for search in self.dirs)
        return next(
            (path for path in found if path is not None and path.name.lower() == base_of(written).lower()), None
        )

    def note_written(self, text: str, call: tuple[Path, int] | None = None) -> None:
        """Remember files that the run itself writes (`$onecho >`, `$call`): they need not exist before.

        Of a `call` (its file and line), take each word that is the name of a file: the program may read it.
        """
        words = [word.strip("'\"") for word in (*_WRITTEN_NAME.findall(text), *_QUOTED_NAME.findall(text))]
        self._written.update(base_of(word).lower() for word in words)
        for word in words if call else ():
            if call and (found := self.find(word, call[0], extensions=("",))) is not None:
                self.take(found, None, f"{call[0].name}:{call[1]}, $call")
                self.uses.append(NameUse(*call, word, word, found.path, is_exact=True))

    def is_written(self, written: str) -> bool:
        """Whether the run itself writes a file of this name."""
        return bool(base_of(written)) and base_of(written).lower() in self._written

    # -- taking

    def take(self, found: Found, role: Role | None, why: str, *, workdir_name: str | None = None) -> None:
        """Add a file to the inputs, once.

        Raises:
            LeavesTree: it is a link to something outside of the search folders.
            TooMuch: more files or bytes than a model has.
        """
        known = self.files.get(found.path)
        if known is not None and (known.workdir_name or workdir_name is None):
            return
        self._check_links(found.path)
        role = role or _ROLE_OF.get(found.path.suffix.lower(), Role.INCLUDE)
        stamp = stamp_of(found.path)
        self.files[found.path] = FoundFile(found.path, found.anchor, role, why, workdir_name, stamp)
        self._total_bytes += stamp[0]
        if len(self.files) > self.limits.files:
            raise TooMuch(f"more than {self.limits.files} input files", why)
        if self._total_bytes > self.limits.total_bytes:
            raise TooMuch(f"more than {self.limits.total_bytes / 1e9:.0f} GB of input files", why)

    def _check_links(self, path: Path) -> None:
        folder = path.parent
        if folder not in self._real:
            self._real[folder] = folder.resolve()
        if self._real[folder] == folder and not path.is_symlink():
            return
        target = path.resolve()
        if not any(target.is_relative_to(root) for root in self._roots):
            link = next(part for part in (*reversed(path.parents), path) if part.is_symlink())
            raise LeavesTree(str(link), str(link.resolve()))

    def take_computed(self, raw: str, name: str, file: Path, line: int) -> list[Found]:
        """Take every file that a partly unknown name may mean."""
        pattern_text = re.sub(f"{UNKNOWN}+", "*", name_text(name.replace(HERE, ""))).replace("\\", "/")
        folder_text, _, pattern = pattern_text.rpartition("/")
        if "." not in pattern:
            pattern += ".dd"
        where = f"{file.name}:{line}"
        taken: dict[str, Found] = {}
        if "*" not in folder_text and not is_absolute(pattern_text):
            for search in self.dirs:
                folder = self.folders.find_folder(search.path, folder_text)
                for found in self._matches(folder, search.path, pattern) if folder else ():
                    taken.setdefault(found.path.name.lower(), found)
        for found in taken.values():
            self.take(found, None, f"{where} names {raw!r}")
        self.uses.append(NameUse(file, line, raw, name, None))
        size_bytes = sum(found.path.stat().st_size for found in taken.values())
        first = next(iter(taken.values())).path.parent if taken else self.dirs[0].path
        group = ComputedGroup(raw, where, first, pattern, len(taken), size_bytes)
        if group not in self.computed:
            self.computed.append(group)
        if not taken:
            self.warn(f"{where} includes {raw!r}, whose name could not be worked out, and nothing like it was found.")
        return list(taken.values())

    def _matches(self, folder: Path, anchor: Path, pattern: str) -> list[Found]:
        is_any = pattern.startswith("*.") and folder == self.source
        names = [] if is_any else fnmatch.filter((n.lower() for n in self.folders.names(folder)), pattern.lower())
        wanted = set(names)
        return [
            Found(folder / name, anchor)
            for name in self.folders.names(folder)
            if name.lower() in wanted and (folder / name).is_file()
        ]

    def take_source(self, path: Path, where: str) -> bool:
        """Take the whole TIMES source if `path` is part of it; False if it is not."""
        if self.source is None or path.parent != self.source or not belongs_to_source(path.name):
            return False
        if not any(known.role is Role.SOURCE for known in self.files.values()):
            self._take_whole_source(where)
        return True

    def _take_whole_source(self, where: str) -> None:
        source = self.source
        assert source is not None
        why = f"TIMES source folder, entered by {where}"
        mixed = any(search.path == source and search.label == "model" for search in self.dirs)
        files = list(source_files(source, self.folders, mixed=mixed))
        for path in files:
            self.take(Found(path, source), Role.SOURCE, why)
        known = {path.name.lower() for path in files}
        at = next(number for number, search in enumerate(self.dirs) if search.path == source)
        for number, search in enumerate(self.dirs):
            if search.path != source:
                self._take_additions(search.path, known, shadows=number < at)
        self._take_outside(files, known)

    def _take_outside(self, files: Sequence[Path], known: set[str]) -> None:
        """Files of the model that the source includes by name (`msaddf.dd`), except those that the source writes."""
        named = [(path, *use) for path in files for use in outside_names(path)]
        for _, _, kind, text in named:
            if kind == "call":
                self.note_written(text)
            elif kind == "set":
                self.set_by_source.add(text.lower())
        for path, line, kind, name in named:
            if kind == "include" and "%" not in name and name.lower() not in known and not self.is_written(name):
                found = self.find(name, path)
                if found is not None:
                    self.take(found, None, f"{path.name}:{line}")

    def _take_additions(self, folder: Path, known: set[str], *, shadows: bool) -> None:
        """A user's `eqpeak.mod` or `initmty.abc` replaces a file of the source or is added: TIMES reads it by name."""
        stems = {name.rpartition(".")[0] for name in known}
        for name in self.folders.names(folder):
            path = folder / name
            if Path(name).stem.lower() not in stems or not belongs_to_source(name) or path in self.files:
                continue
            stands_in = name.lower() in known
            if path.is_file() and (shadows or not stands_in):
                self.take(Found(path, folder), Role.SOURCE, "named like a file of the TIMES source")
                deed = "stands in for the one of" if stands_in else "adds to"
                self.warn(f"{name} in {str(folder)!r} {deed} the TIMES source.")

    def warn(self, sentence: str) -> None:
        """Keep a sentence for the user, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def _why_no_file(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return f"is a link to {str(path.readlink())!r}, where nothing is"
    return "is a folder" if path.is_dir() else "is not a readable file"
