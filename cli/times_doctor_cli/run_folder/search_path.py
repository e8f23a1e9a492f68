"""The folders that GAMS searches, in its order, each with its source."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.caseless_names import Folders, base_of, is_absolute, physical
from times_doctor_cli.run_folder.errors import IncludeNotFound, NotTimesSource
from times_doctor_cli.run_folder.model import SearchDir
from times_doctor_cli.run_folder.times_source import is_times_source
from times_doctor_cli.run_folder.vtrun.gams_command import GamsCall


class Places(msgspec.Struct):
    """Search folders, and notes."""

    dirs: list[SearchDir] = msgspec.field(default_factory=list)
    extra: list[Path] = msgspec.field(default_factory=list)
    """Single files given with `--include`."""
    warnings: list[str] = msgspec.field(default_factory=list)

    def add(self, path: Path, source: str, label: str = "", *, at: int | None = None) -> None:
        """Add a folder, once."""
        if any(search.path == path for search in self.dirs):
            return
        used = {search.label for search in self.dirs}
        free = (f"idir{number}" for number in itertools.count(2) if f"idir{number}" not in used)
        search = SearchDir(path, source, label if label and label not in used else next(free))
        self.dirs.insert(len(self.dirs) if at is None else at, search)


def find_written(text: str, folder: Path, folders: Folders) -> Path | None:
    """The local path for a path of a command line; None for one of another machine."""
    if is_absolute(text):
        path = Path(text)
        return Path(os.path.normpath(path)) if path.is_absolute() and path.exists() else None
    return folders.find(folder, text)


def find_places(
    driver: Path,
    call: GamsCall | None,
    folders: Folders,
    *,
    times_src: Path | None,
    environ: Mapping[str, str],
    config_times_src: Path | None,
    includes: Sequence[Path],
) -> Places:
    """Put the search folders together.

    The run folder; what the command file names; the TIMES source by --times-src (which beats the command file's), else
    TIMES_SRC, else times-doctor.toml; the parent folder, where no command file says better; --include.

    Raises:
        NotTimesSource: --times-src is not the TIMES source.
        IncludeNotFound: an --include is not there.
    """
    places = Places()
    working = call.folder if call else driver.parent
    places.add(working, "run folder", "model")
    places.add(driver.parent, "the driver's folder")
    lost = _add_named(places, call, folders)
    _add_source(places, folders, times_src, environ, config_times_src)
    if call is None:
        places.add(driver.parent.parent, "parent folder, where VEDA keeps data")
    source = next((search for search in places.dirs if is_times_source(search.path, folders)), None)
    for text, who in lost:
        instead = f"; using {str(source.path)!r} ({source.source})" if source and _looks_like_source(text) else ""
        places.warnings.append(f"{who} names {text!r}, which is not on this machine{instead}.")
    for path in includes:
        _add_include(places, path)
    return places


def _add_named(places: Places, call: GamsCall | None, folders: Folders) -> list[tuple[str, str]]:
    """Add the folders of the command file; returns missing ones: (as written, source)."""
    lost = []
    for text in call.idirs if call else ():
        assert call is not None
        path = find_written(text, call.folder, folders)
        if path is not None and path.is_dir():
            places.add(path, call.source, "source" if is_times_source(path, folders) else "")
        else:
            lost.append((text, call.source))
    return lost


def _looks_like_source(text: str) -> bool:
    last = base_of(text).lower()
    return "src" in last or "source" in last or "times" in last


def _add_source(
    places: Places,
    folders: Folders,
    times_src: Path | None,
    environ: Mapping[str, str],
    config_times_src: Path | None,
) -> None:
    if times_src is not None:
        path = physical(times_src)
        if not is_times_source(path, folders):
            raise NotTimesSource(str(times_src), "--times-src")
        known = [number for number, d in enumerate(places.dirs) if is_times_source(d.path, folders) and number > 0]
        for number in reversed(known):
            del places.dirs[number]
        places.add(path, "--times-src", "source", at=known[0] if known else 1)
        return
    if any(is_times_source(search.path, folders) for search in places.dirs):
        return
    named = environ.get("TIMES_SRC")
    for text, who in ((named, "TIMES_SRC"), (config_times_src, "times-doctor.toml")):
        if not text:
            continue
        path = physical(Path(text).expanduser())
        if is_times_source(path, folders):
            places.add(path, who, "source", at=1)
            return
        places.warnings.append(f"{NotTimesSource(str(text), who)} It is not used.")


def _add_include(places: Places, path: Path) -> None:
    path = physical(path)
    if path.is_dir():
        places.add(path, "--include")
    elif path.is_file():
        places.extra.append(path)
    else:
        raise IncludeNotFound(str(path))
