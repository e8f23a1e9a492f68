"""The content of a run folder, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from times_doctor_tasks.contract.messages import VedaResults
from times_doctor_tasks.profiles.profile import ModelClass


class RunKind(StrEnum):
    """The kind of model, which decides its engine."""

    GAMS = "gams"
    """A GAMS driver (.run, .gms)."""
    LP = "lp"
    """A model file that HiGHS reads (.mps, .mps.gz, .lp)."""


class Role(StrEnum):
    """The role of an input file."""

    DRIVER = "driver"
    """The file GAMS is started with, or the LP file itself."""
    INCLUDE = "include"
    """A GAMS file the include chain names."""
    DATA = "data"
    """A data file of the model (.dd, .dds)."""
    SOURCE = "source"
    """A file of the TIMES source folder."""
    GDX = "gdx"
    """A GDX file the model loads."""
    RESTART = "restart"
    """The work file GAMS restarts from (.g00)."""
    RESULTS = "results"
    """What `gdx2veda` reads to make results for VEDA (.vdd)."""
    EXTRA = "extra"
    """Named by `--include` only."""


class InputDir(msgspec.Struct, frozen=True):
    """A folder GAMS looks for included files in."""

    path: Path
    source: str
    """Who named it: "VTRUN.CMD line 3", "--times-src", "TIMES_SRC", ..."""
    name: str
    """Its path in the snapshot: posix, relative, lower-case; "." is the snapshot itself."""


class SearchDir(msgspec.Struct, frozen=True):
    """A folder GAMS looks in, before it has a name in the snapshot."""

    path: Path
    source: str
    label: str
    """Its folder in the snapshot, if it shares none: "model", "source", "idir2"."""


class FoundFile(msgspec.Struct, frozen=True):
    """An input file, before it has a name in the snapshot."""

    path: Path
    anchor: Path
    """The search folder it was found from; the file may stand above it (`..\\data\\base.dd`)."""
    role: Role
    why: str
    workdir_name: str | None = None
    """Its path in the working directory of a run, if GAMS finds it only there."""
    stamp: tuple[int, ...] = ()
    """Its `hash_cache.stamp_of`, before its text was read."""


class NameUse(msgspec.Struct, frozen=True):
    """A place in a file that names another one, or a folder."""

    file: Path
    line: int
    raw: str
    """The name as written in the line, latin-1."""
    name: str
    """The same with its macros worked out."""
    target: Path | None
    """The file that it means; None if the name is computed and only its slashes can be corrected."""
    value: str | None = None
    """The new text, if it is not the name of `target`."""
    is_exact: bool = False
    """It is for a program that does not look as GAMS does, or its value is of this machine's environment."""


class Parameter(msgspec.Struct, frozen=True):
    """One GAMS command-line word worth keeping, without its dashes."""

    name: str
    value: str
    double_dash: bool
    """`--NAME=VALUE` (a compile-time variable) rather than a GAMS option."""
    source: str


class InputFile(msgspec.Struct, frozen=True):
    """One file the model reads."""

    path: Path
    name: str
    """Its path in the snapshot: posix, relative, lower-case."""
    role: Role
    size_bytes: int
    why: str
    """Who names it: "parscen.run:31"."""
    stamp: tuple[int, ...] = ()
    """As in `FoundFile`."""


class ComputedGroup(msgspec.Struct, frozen=True):
    """Files taken because the text does not determine a name."""

    written: str
    """The name as written, such as `%scenario%.dd`."""
    why: str
    folder: Path
    pattern: str
    count: int
    size_bytes: int


class Rewrite(msgspec.Struct, frozen=True):
    """One place where the staged copy differs from its file."""

    name: str
    """The file's name in the snapshot."""
    line: int
    before: str
    after: str


class RunDir(msgspec.Struct, frozen=True):
    """A run folder as read from its text: nothing was executed, nothing was changed."""

    root: Path
    """The folder itself."""
    driver: Path
    kind: RunKind
    driver_source: str
    """Why this driver: "named", "VTRUN.CMD line 4", "has the folder's name", "the only .run"."""
    inputs: tuple[InputFile, ...]
    """The driver first, then the order of the chain; each file once."""
    idirs: tuple[InputDir, ...] = ()
    """In the order GAMS looks, the driver's own folder first."""
    parameters: tuple[Parameter, ...] = ()
    restart: InputFile | None = None
    restart_source: str | None = None
    gdxpath: str | None = None
    """GDXPATH as the staged run gets it (posix, relative to the snapshot, ends with "/"), None when not set."""
    gdxpath_source: str | None = None
    source: Path | None = None
    """The TIMES source folder."""
    computed: tuple[ComputedGroup, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: int = 0
    """Missing files that the model surely reads; only without `strict`."""
    option_files: Mapping[str, Path] = msgspec.field(default_factory=dict)
    """Solver in lower case -> the option file of RUN_DIR's own."""
    veda: VedaResults | None = None
    """The results for VEDA to make from a run's GDX."""
    model_class: ModelClass = ModelClass.LP
    """The class of an LP file; a GAMS model's class is unknown before it ran."""
    ranges: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """How an LP file is scaled (`results.ranges`); empty if it was not read."""
    listing: Path | None = None
    """The newest listing in RUN_DIR, of an earlier run."""
    facts: tuple[tuple[str, str], ...] = ()
    """(what, value and where it comes from) for `--dry-run`, in reading order."""


class SearchLimits(msgspec.Struct, frozen=True):
    """Limits of reading: beyond them it is an error and not a model."""

    files: int = 20_000
    total_bytes: int = 64 * 1024**3
    depth: int = 40
    """Of nested includes; GAMS itself stops at 40."""
    are_strict: bool = True
    """A missing file is an error; else, for a plan that is only shown, a warning."""
