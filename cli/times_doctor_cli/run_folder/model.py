"""The words of a look: what a run folder holds, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from times_doctor_tasks.contract.messages import VedaResults
from times_doctor_tasks.profiles.profile import ModelClass


class RunKind(StrEnum):
    """Which engine runs it."""

    GAMS = "gams"
    """A GAMS driver (.run, .gms)."""
    LP = "lp"
    """A model file that HiGHS reads (.mps, .mps.gz, .lp)."""


class Role(StrEnum):
    """What an input file is to the model."""

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
    """Its own folder in the snapshot, should it share none: "model", "source", "idir2"."""


class FoundFile(msgspec.Struct, frozen=True):
    """An input file, before it has a name in the snapshot."""

    path: Path
    anchor: Path
    """The search folder it was found from; the file may stand above it (`..\\data\\base.dd`)."""
    role: Role
    why: str
    workdir_name: str | None = None
    """Where it must be in the working directory of a run, for what GAMS finds only there."""


class NameUse(msgspec.Struct, frozen=True):
    """A place in a file that names another one, or a folder."""

    file: Path
    line: int
    raw: str
    """The name as written in the line, latin-1."""
    name: str
    """The same with its macros worked out."""
    target: Path | None
    """The file meant; None where the name is computed and only its slashes can be put right."""
    value: str | None = None
    """What to write instead, where it is not the name of `target`."""


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


class ComputedGroup(msgspec.Struct, frozen=True):
    """Files taken because a name could not be worked out from the text alone."""

    written: str
    """The name as written, such as `%scenario%.dd`."""
    why: str
    folder: Path
    pattern: str
    count: int
    size_bytes: int


class Rewrite(msgspec.Struct, frozen=True):
    """One place of the staged copy that differs from the file it came from."""

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
    """The driver first, then in the order of the chain; each file once."""
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
    """Files that the model surely reads and that are nowhere; only a look that is not strict gets so far."""
    option_files: Mapping[str, Path] = msgspec.field(default_factory=dict)
    """Solver in lower case -> the option file of RUN_DIR's own."""
    veda: VedaResults | None = None
    """What to make for VEDA of a run's GDX."""
    model_class: ModelClass = ModelClass.LP
    """Of an LP file's content; what a GAMS model holds is not known before it ran."""
    ranges: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """How an LP file is scaled (`results.ranges`); empty if it was not read."""
    listing: Path | None = None
    """The newest listing in RUN_DIR, of an earlier run."""
    facts: tuple[tuple[str, str], ...] = ()
    """(what, value and where it comes from) for `--dry-run`, in reading order."""


class SearchLimits(msgspec.Struct, frozen=True):
    """How much one look may take in before it is an error rather than a model."""

    files: int = 20_000
    total_bytes: int = 64 * 1024**3
    depth: int = 40
    """Of nested includes; GAMS itself stops at 40."""
    are_strict: bool = True
    """A missing file is an error; else, for a plan that is only looked at, a warning like each other one."""
