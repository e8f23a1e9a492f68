"""Which files belong to one run: told by their beginnings, their names and what the log says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_HEAD_BYTES = 16_384
_LOG_HEAD = re.compile(
    r"^ *(?:--- Job |--- Starting |--- GAMS Parameters|Running HiGHS |Coefficient ranges:|"
    r"Presolving model|gams: |\*\*\* (?:Log reopend|Open logfile))",
    re.MULTILINE,
)
_HIGHS_HEAD = re.compile(
    r"^ *(?:Running HiGHS |Coefficient ranges:|Presolving model|(?:LP|MIP|QP|MIQP) .*has \d+ rows?; \d+ cols?; )",
    re.MULTILINE,
)
_LISTING_HEAD = re.compile(
    r"^\f?GAMS (?:Rev \d+ +)?\d+\.\d+.* Page \d+|^RANGE STATISTICS|S O L V E +S U M M A R Y", re.MULTILINE
)
_TRACE_HEAD = "* Trace Record Definition"
#: The log's own words on where listing and trace went.
_NAMED = re.compile(r"^ +(Output|Trace) (.+?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where a run's files are; None: there is none."""

    log: Path | None = None
    listing: Path | None = None
    trace: Path | None = None
    returncode: int | None = None


def find_run_files(path: Path) -> RunFiles:
    """The files of the run that `path` belongs to: a log, a listing, a trace file, or the folder of a run.

    Next to a log, those that it names, else those with the same stem, else the only one of its kind. In a folder those
    of the newest log, else the newest of their kind.

    Raises:
        FileNotFoundError: Nothing there is a log, a listing or a trace file.
    """
    if path.is_dir():
        files = _in_folder(path)
    elif path.is_file():
        files = _beside(path)
    else:
        raise FileNotFoundError(f"no such file or folder: {str(path)!r}")
    if files == RunFiles():
        raise FileNotFoundError(f"no GAMS log, listing or trace file in {str(path)!r}")
    return files


def is_highs_log(path: Path) -> bool:
    """Whether the log is HiGHS's own, without GAMS around it."""
    head = _head(path)
    return _HIGHS_HEAD.search(head) is not None and "--- Job " not in head


def _in_folder(folder: Path) -> RunFiles:
    newest = {kind: _newest(files) for kind, files in _sorted_by_kind(folder).items()}
    log = newest.get("log")
    own = _beside(log) if log is not None else RunFiles()
    return RunFiles(log, own.listing or newest.get("listing"), own.trace or newest.get("trace"))


def _beside(path: Path) -> RunFiles:
    kind = _kind(path) or ("listing" if path.suffix.lower() == ".lst" else "log")
    others = _sorted_by_kind(path.parent)
    others[kind] = [path]
    chosen: dict[str, Path | None] = {}
    named = _named_in_log(_head(path)) if kind == "log" else {}
    for each in ("log", "listing", "trace"):
        chosen[each] = path if each == kind else _belonging(path, others.get(each, []), named.get(each))
    return RunFiles(chosen["log"], chosen["listing"], chosen["trace"])


def _belonging(path: Path, candidates: list[Path], name: str | None) -> Path | None:
    for candidate in candidates:
        if name is not None and candidate.name.lower() == name:
            return candidate
    same_stem = [each for each in candidates if each.stem.lower() == path.stem.lower()]
    if same_stem:
        return same_stem[0]
    return candidates[0] if len(candidates) == 1 else None


def _named_in_log(head: str) -> dict[str, str]:
    kinds = {"Output": "listing", "Trace": "trace"}
    named: dict[str, str] = {}
    for what, name in _NAMED.findall(head):
        # The first one is the run's own; a model that calls GAMS prints those of the inner run too.
        named.setdefault(kinds[what], re.split(r"[\\/]", name)[-1].lower())
    return named


def _sorted_by_kind(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".log", ".txt", ".lst", ".trc", ".trace") and path.is_file():
            kind = _kind(path)
            if kind is not None:
                found.setdefault(kind, []).append(path)
    return found


def _kind(path: Path) -> str | None:
    head = _head(path)
    if head.startswith(_TRACE_HEAD):
        return "trace"
    if path.suffix.lower() == ".lst" or _LISTING_HEAD.search(head):
        return "listing"
    if _LOG_HEAD.search(head) or _HIGHS_HEAD.search(head):
        return "log"
    return None


def _newest(paths: Iterable[Path]) -> Path | None:
    return max(paths, key=lambda path: path.stat().st_mtime, default=None)


def _head(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(_HEAD_BYTES).decode("utf-8", errors="replace").replace("\r\n", "\n")
