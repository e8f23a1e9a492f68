"""Finds the files of one run by their beginnings, their names and the text of the log."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.results.log_text import sample

_GAMS_LOG = re.compile(
    r"^(?:--- (?:Job |Starting |Executing |Generating |Reading solution |GAMS Parameters)|gams: "
    r"|\*\*\* (?:Status: |Log reopend|Open logfile))",
    re.MULTILINE,
)
#: First lines of GAMS's links to solvers, for a part of a GAMS log.
_GAMS_LINK = re.compile(r"^(?:IBM ILOG CPLEX|\.\.\. )", re.MULTILINE)
_HIGHS_LOG = re.compile(
    r"^ *(?:Running HiGHS |Coefficient ranges:|Presolving model|(?:LP|MIP|QP|MIQP) .*has \d+ rows?; \d+ cols?; "
    r"|Model +status +: |Solving report|ERROR: {3}\S)",
    re.MULTILINE,
)
#: How to recognise the logs of solvers without GAMS, by solver.
_NATIVE_LOGS = {
    "highs": _HIGHS_LOG,
    **{
        solver: re.compile(f"^ *(?:{pattern})", re.MULTILINE)
        for solver, pattern in {
            "cplex": r"CPLEX Error +\d+: |Version identifier: \d|Log started \(V\d|Welcome to IBM.* CPLEX",
            "gurobi": r"Gurobi \d\S* \(|ERROR 10009: |Gurobi Optimizer version",
            "xpress": r"FICO Xpress ",
            "copt": r"(?:Using )?Cardinal Optimizer v",
            "cbc": r"Welcome to the CBC MILP Solver|Clp\d{4}I",
            "mosek": r"MOSEK Version|Optimizer terminated\. Time|(?:Interior-point|Basic|Integer) solution summary",
            "scip": r"SCIP version |SCIP Status  |original problem has \d+ variables \(",
        }.items()
    },
}
_LISTING = re.compile(
    r"^\f?GAMS (?:Rev \d+ +)?\d+\.\d+.* Page \d+|^RANGE STATISTICS|S O L V E +S U M M A R Y"
    r"|^\*{4} (?:FILE SUMMARY|(?:SOLVER|MODEL) STATUS |USER ERROR|\d+ ERROR\(S\)| {0,1}\d{2,3}  \S)",
    re.MULTILINE,
)
#: Neighbouring files that may belong to a run.
_EXTENSIONS = frozenset({".log", ".txt", ".lst", ".trc", ".trace", ".out"})
_TRACE_HEAD = "* Trace Record Definition"
#: The paths of listing and trace in the log.
_NAMED = re.compile(r"^ +(Output|Trace) (.+?) *$", re.MULTILINE)


#: The start of the job: in the log's job line and at the top of each page of the listing, equal to the second.
_BEGAN = re.compile(r"^--- Job .+ Start (\S+ \S+)|(\d\d/\d\d/\d\d \d\d:\d\d:\d\d) Page \d", re.MULTILINE)
#: The input of GAMS: in the log's job line and its parameters, and (wrapped at the page width) in the listing.
_SOURCE = re.compile(r"^--- Job (\S.*?) Start |^ +Input (.+)|^Input +(.+(?:\n {5}\S.*)*)", re.MULTILINE)


class RunFiles(msgspec.Struct, frozen=True):
    """The paths of a run's files; None: there is none."""

    log: Path | None = None
    listing: Path | None = None
    trace: Path | None = None
    returncode: int | None = None
    of_another_job: Path | None = None
    """A log or listing that lies beside them and is not read, because it is of another job."""


def find_run_files(path: Path) -> RunFiles:
    """The files of the run that `path` belongs to: a log, a listing, a trace file, or the folder of a run.

    For a log: the files that it names, else those with the same stem, else the only one of its kind. For a folder:
    those of the newest log, else the newest of their kind.

    Raises:
        FileNotFoundError: There is no log, listing or trace file.
    """
    if path.is_dir():
        files = _in_folder(path)
    elif path.is_file():
        files = _beside(path, _Neighbours(path.parent))
    else:
        raise FileNotFoundError(f"no such file or folder: {str(path)!r}")
    if files == RunFiles():
        raise FileNotFoundError(f"no GAMS log, listing or trace file in {str(path)!r}")
    return files


def native_solver(path: Path) -> str:
    """The solver whose log without GAMS this is; empty if it is none."""
    return _native_in(sample(path))


def _native_in(text: str) -> str:
    if _GAMS_LOG.search(text) or _GAMS_LINK.search(text):
        return ""
    return next((solver for solver, pattern in _NATIVE_LOGS.items() if pattern.search(text)), "")


def runs_below(folder: Path) -> Iterator[tuple[Path, RunFiles]]:
    """Every log in a folder and its subfolders, and every listing without a log, with the files of its run."""
    for place, inner, _ in os.walk(folder):
        inner.sort()
        near = _Neighbours(Path(place))
        listed = set()
        for log in near.kinds.get("log", ()):
            files = _beside(log, near)
            listed.add(files.listing)
            yield log, files
        for listing in near.kinds.get("listing", ()):
            if listing not in listed:
                yield listing, _beside(listing, near)


def _in_folder(folder: Path) -> RunFiles:
    near = _Neighbours(folder)
    newest = {kind: _newest(files) for kind, files in near.kinds.items()}
    log, listing = newest.get("log"), newest.get("listing")
    start = log or listing
    if start is None:
        return RunFiles(trace=newest.get("trace"))
    own = _beside(start, near)
    if own.listing is None and listing is not None and start is log:
        if _same_job(start, listing):
            own = replace(own, listing=listing)
        elif listing.stat().st_mtime > start.stat().st_mtime:
            own = _beside(listing, near)
    return replace(own, trace=own.trace or newest.get("trace"))


def _beside(path: Path, near: _Neighbours) -> RunFiles:
    kind = _kind(path) or ("listing" if path.suffix.lower() == ".lst" else "log")
    named = _named_in_log(sample(path)) if kind == "log" else {}
    chosen = {
        each: path if each == kind else near.belonging(path, each, named.get(each))
        for each in ("log", "listing", "trace")
    }
    stranger = chosen["listing" if kind == "log" else "log"]
    if stranger is None or kind == "trace" or _same_job(path, stranger):
        return RunFiles(chosen["log"], chosen["listing"], chosen["trace"])
    alone = RunFiles(trace=chosen["trace"], of_another_job=stranger)
    return replace(alone, log=path) if kind == "log" else replace(alone, listing=path)


class _Neighbours:
    """The logs, listings and traces of one folder."""

    def __init__(self, folder: Path) -> None:
        self.kinds: dict[str, list[Path]] = {}
        self._named: dict[tuple[str, str], Path] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in _EXTENSIONS and path.is_file() and (kind := _kind(path)) is not None:
                self.kinds.setdefault(kind, []).append(path)
                self._named.setdefault((kind, path.name.lower()), path)
                self._named.setdefault((kind, path.stem.lower()), path)

    def belonging(self, path: Path, kind: str, name: str | None) -> Path | None:
        """The file for `path`: the one that it names, else the one with its stem, else the only one of its kind."""
        found = self._named.get((kind, name or "")) or self._named.get((kind, path.stem.lower()))
        candidates = self.kinds.get(kind, [])
        return found or (candidates[0] if len(candidates) == 1 else None)


def _same_job(one: Path, other: Path) -> bool:
    """Whether a log and a listing can be of one job: by its start, or by its input if a start is missing."""
    texts = sample(one), sample(other)
    for pattern, told in ((_BEGAN, str), (_SOURCE, _stem)):
        first, second = ({told(match[match.lastindex or 0]) for match in pattern.finditer(text)} for text in texts)
        if first and second:
            return bool(first & second)
    return True


def _stem(name: str) -> str:
    """A file's name without folder and extension; a listing wraps long ones.

    >>> _stem("C:/runs/ca\\n     se_a.GMS")
    'case_a'
    """
    return re.split(r"[\\/]", name.replace("\n     ", "").strip().lower())[-1].rsplit(".", 1)[0]


def _named_in_log(head: str) -> dict[str, str]:
    kinds = {"Output": "listing", "Trace": "trace"}
    named: dict[str, str] = {}
    for what, name in _NAMED.findall(head):
        # The first one is the run's; a model that calls GAMS prints those of the inner run too.
        named.setdefault(kinds[what], re.split(r"[\\/]", name)[-1].lower())
    return named


def _kind(path: Path) -> str | None:
    text = sample(path)
    if text.startswith(_TRACE_HEAD):
        return "trace"
    if path.suffix.lower() == ".lst" or _LISTING.search(text):
        return "listing"
    return "log" if _GAMS_LOG.search(text) or _native_in(text) else None


def _newest(paths: Iterable[Path]) -> Path | None:
    return max(paths, key=lambda path: path.stat().st_mtime, default=None)
