"""Finds the file to start GAMS (or HiGHS) with."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.caseless_names import Folders, base_of
from times_doctor_cli.run_folder.errors import DriverAmbiguous, DriverNotFound, RunDirUnreadable
from times_doctor_cli.run_folder.gams.conditions import read_condition
from times_doctor_cli.run_folder.gams.dollar import dollar_lines, name_text, split_directive
from times_doctor_cli.run_folder.gams.macros import HERE, UNKNOWN, Macros, first_token, tokens, written_value
from times_doctor_cli.run_folder.gams.needs import ABORTS, Needs
from times_doctor_cli.run_folder.hash_cache import FileUnreadable
from times_doctor_cli.run_folder.times_source import outside_names
from times_doctor_cli.run_folder.vtrun.batch_file import read_batch
from times_doctor_cli.run_folder.vtrun.gams_command import GamsCall, is_gams, parmfile_words, read_gams_words

_GAMS_SUFFIXES = (".run", ".gms")
_LP_SUFFIXES = (".mps", ".mps.gz", ".lp")
_BATCH_NAMES = ("vtrun.cmd", "ansrun.cmd", "vtrun.bat", "ansrun.bat")
#: A larger .gms file does not start another one, bytes.
_MAX_WRAPPER_BYTES = 256 * 1024
#: Folders that are searched for a driver if RUN_DIR has none.
_MAX_CASES = 200


class Choice(msgspec.Struct):
    """A driver, the reason for it, and how a command file starts it."""

    driver: Path
    why: str
    call: GamsCall | None = None
    warnings: list[str] = msgspec.field(default_factory=list)


def is_lp_file(path: Path) -> bool:
    """Whether HiGHS reads this file as a model.

    >>> [is_lp_file(Path(name)) for name in ("a.MPS", "a.mps.gz", "a.lp", "a.gz", "a.run")]
    [True, True, True, False, False]
    """
    return path.name.lower().endswith(_LP_SUFFIXES)


def choose_driver(
    run_path: Path, folders: Folders, environ: Mapping[str, str], given: Mapping[str, str] | None = None
) -> Choice:
    """The named file, else the one that VTRUN.CMD calls, else the one with the folder's name, else the only one.

    Args:
        given: Compile-time variables of the command line, for a launcher of the driver.

    Raises:
        RunDirUnreadable, DriverNotFound, DriverAmbiguous.
    """
    if run_path.is_file():
        return _named(run_path, folders, environ, given or {})
    if not run_path.is_dir():
        raise RunDirUnreadable(str(run_path), "is not there" if not run_path.exists() else "is neither file nor folder")
    try:
        next(run_path.iterdir(), None)
    except OSError as exc:
        raise RunDirUnreadable(str(run_path), f"cannot be read ({exc.strerror})") from exc
    calls, warnings = _calls(run_path, folders, environ)
    choice = _called(run_path, calls, folders, warnings) or _found(run_path, folders)
    choice.warnings = warnings
    choice.call = choice.call or _wrapper_call(choice.driver, folders, given or {})
    return choice


def _named(path: Path, folders: Folders, environ: Mapping[str, str], given: Mapping[str, str]) -> Choice:
    if is_lp_file(path):
        return Choice(path, "named")
    if path.suffix.lower() not in _GAMS_SUFFIXES:
        raise RunDirUnreadable(str(path), "is not a driver")
    if started := _started_by(path, folders, given):
        return started
    calls, warnings = _calls(path.parent, folders, environ)
    own = [call for call in calls if _driver_of(call, path.parent, folders) == path]
    call = own[0] if own else _wrapper_call(path, folders, given)
    if call is None and calls:
        call = calls[0]
        warnings.append(f"{call.source} starts {call.driver!r}; its folders and parameters are used for {path.name!r}.")
    return Choice(path, "named", call, warnings)


def _started_by(path: Path, folders: Folders, given: Mapping[str, str]) -> Choice | None:
    """The driver that a launcher starts: a small .gms file that includes nothing, and calls GAMS."""
    if not _is_small_gms(path) or _included_names(path):
        return None
    for call in _calls_in(path, folders, given):
        driver = _driver_of(call, path.parent, folders)
        if driver not in (None, path):
            return Choice(driver, f"{call.source} starts it", call)
    return None


def _is_small_gms(path: Path) -> bool:
    return path.suffix.lower() == ".gms" and path.is_file() and path.stat().st_size <= _MAX_WRAPPER_BYTES


def _calls(folder: Path, folders: Folders, environ: Mapping[str, str]) -> tuple[list[GamsCall], list[str]]:
    for name in _BATCH_NAMES:
        path = folders.find_file(folder, name)
        if path is not None:
            batch = read_batch(path, folders, environ)
            return [call for call in batch.calls if call.driver], batch.warnings
    return [], []


def _driver_of(call: GamsCall, root: Path, folders: Folders) -> Path | None:
    """The file that a call starts; a path of another machine means the file of that name in this folder."""
    base = base_of(call.driver)
    for extension in ("", ".gms"):
        for folder, written in ((call.folder, call.driver), (root, base)):
            if path := folders.find_file(folder, written + extension):
                return path
    return None


def _called(root: Path, calls: list[GamsCall], folders: Folders, warnings: list[str]) -> Choice | None:
    started: dict[Path, GamsCall] = {}
    for call in calls:
        path = _driver_of(call, root, folders)
        if path is None:
            warnings.append(f"{call.source} starts {call.driver!r}, which is not here.")
        else:
            started.setdefault(path, call)
    if len(started) > 1:
        raise DriverAmbiguous(str(root), tuple(path.name for path in started))
    return next((Choice(path, call.source, call) for path, call in started.items()), None)


def _found(root: Path, folders: Folders) -> Choice:
    files = [root / name for name in folders.names(root) if (root / name).is_file()]
    for suffix in _GAMS_SUFFIXES:
        candidates = [path for path in files if path.suffix.lower() == suffix]
        namesakes = [path for path in candidates if path.stem.lower() == root.resolve().name.lower()]
        if len(namesakes) == 1:
            return Choice(namesakes[0], "has the folder's name")
        if len(candidates) == 1:
            return Choice(candidates[0], f"the only {suffix} file")
        if candidates:
            likely = _likely_first(candidates, files, folders)
            raise DriverAmbiguous(str(root), tuple(path.name for path in likely))
    models = [path for path in files if is_lp_file(path)]
    if len(models) > 1:
        raise DriverAmbiguous(str(root), tuple(path.name for path in models))
    if not models:
        raise DriverNotFound(str(root), _cases_below(root))
    return Choice(models[0], "the only model file")


def _likely_first(candidates: list[Path], files: list[Path], folders: Folders) -> list[Path]:
    """Files that another one starts come first, then those that none includes, the ones with most includes first."""
    includes = {path: _included_names(path) for path in files if path.stat().st_size <= _MAX_WRAPPER_BYTES}

    def includes_it(path: Path, other: Path) -> bool:
        names = (f"{name}{end}" for name in includes.get(path, ()) for end in ("", ".gms"))
        return path != other and any(fnmatch(other.name.lower(), name) for name in names)

    def rank(path: Path) -> tuple[bool, bool, int, int, str]:
        is_started = _wrapper_call(path, folders, {}) is not None
        is_included = any(includes_it(other, path) for other in includes)
        of_these = sum(includes_it(path, other) for other in candidates)
        return not is_started, is_included, -of_these, -len(includes.get(path, ())), path.name.lower()

    return sorted(candidates, key=rank)


def _included_names(path: Path) -> set[str]:
    """Base names of the includes of a file, as patterns: `genesys_%step%.gms` is `genesys_*.gms`."""
    names: set[str] = set()
    with contextlib.suppress(FileUnreadable):
        names = {
            re.sub("%[^%]*%", "*", base_of(name).lower()) for _, kind, name in outside_names(path) if kind == "include"
        }
    return {name for name in names if not name.startswith("*")}


def _cases_below(root: Path) -> tuple[str, ...]:
    """Folders in `root` with a driver: a user may have named the folder of all cases."""
    with contextlib.suppress(OSError):
        below = sorted(path for path in root.iterdir() if path.is_dir())[:_MAX_CASES]
        return tuple(path.name for path in below if _has_driver(path))
    return ()


def _has_driver(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(path.suffix.lower() in _GAMS_SUFFIXES or is_lp_file(path) for path in folder.iterdir())
    return False


def _wrapper_call(driver: Path, folders: Folders, given: Mapping[str, str]) -> GamsCall | None:
    """How a .gms file beside the driver starts it with `$call gams ...` (TIMES_Demo and xl2times do)."""
    for name in folders.names(driver.parent):
        path = driver.parent / name
        if path != driver and _is_small_gms(path):
            for call in _calls_in(path, folders, given):
                if _driver_of(call, driver.parent, folders) == driver:
                    return call
    return None


def _calls_in(path: Path, folders: Folders, given: Mapping[str, str]) -> list[GamsCall]:
    macros, calls = Macros(dict(given)), []
    needs = Needs(macros)
    for line in dollar_lines(path):
        keyword, rest = split_directive(line.text)
        certain, lacking = True, ""
        while keyword.startswith("if"):
            condition = read_condition(keyword, rest, macros, None, lambda _: None)
            certain, lacking = condition.truth is True, needs.lacking(rest)
            keyword, rest = split_directive(condition.rest)
        if lacking and keyword in ABORTS:
            needs.add(lacking, f"{path.name}:{line.number}")
        if keyword in ("set", "setglobal", "setlocal"):
            needs.note(rest, f"{path.name}:{line.number}")
            name, rest, _ = first_token(rest)
            macros.set(name, written_value(rest), path.name, certain=certain)
        elif keyword in ("call", "hiddencall"):
            source = f"{path.name} line {line.number}"
            here = [call for text in macros.expand(rest) if (call := _call_from(text, source, path, folders))]
            if here:
                needs.note(rest, f"{path.name}:{line.number}")
            calls += here
    for call in calls:
        call.needs = needs.pairs()
    return calls


def _call_from(text: str, source: str, path: Path, folders: Folders) -> GamsCall | None:
    words = list(tokens(name_text(text.replace(HERE, f"{path.parent}/"))))
    start = next((number for number, word in enumerate(words) if is_gams(word)), None)
    if start is None or UNKNOWN in " ".join(words[start + 1 : start + 2]):
        return None
    known = [word for word in words[start + 1 :] if UNKNOWN not in word]
    call = read_gams_words(known, GamsCall(source, path.parent))
    if call.parmfile and (parmfile := folders.find_file(path.parent, call.parmfile)):
        read_gams_words(parmfile_words(parmfile.read_text("latin-1")), call)
    return call
