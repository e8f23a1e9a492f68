"""The manifest of a model's snapshot, and the rules for its file names.

A snapshot is a tree of regular files under lower-cased ASCII names (GAMS runs on it with `fileCase=4`, which
lower-cases the file part of every name and leaves folders alone). Its folders:

    model/     the run folder; where the model reaches above it, the common folder, with the run folder inside
    source/    the TIMES source folder; further input folders are `idir2/`, `idir3/`, ...
    cwd/       files that GAMS finds in its working directory only: copied into each run's own before it starts
    restart/   the work file GAMS restarts from

Both sides use these rules: the client when it makes a manifest, the worker again when it gets one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

import msgspec

from times_doctor_tasks.contract.errors import UsageError

#: Files below it are copied into the working directory of each run.
WORKDIR = "cwd"
#: The record of `stage`, inside the tree so that both appear together; no other file may have this name.
RECORD = ".staged.json"
#: A model has no more files than this.
MAX_FILES = 100_000
#: Most bytes of a manifest: about 25,000 files with names of usual length. Reading may take ten times as much memory.
MAX_MANIFEST_BYTES = 4 << 20
#: Most bytes of all files of a model: 1 TB.
MAX_TOTAL_BYTES = 10**12
#: Longest name in a snapshot, and longest part of it, in UTF-8 bytes (a part leaves room for a suffix).
MAX_NAME_BYTES, MAX_PART_BYTES = 800, 200
#: Longest value of a word of GAMS's command line.
MAX_VALUE_CHARS = 1000
#: GAMS options of the user's command line that are sent to hosts, as they change the problem or its time limit. The
#: worker sets those for log, listing and paths.
KEPT_OPTIONS = frozenset(
    {"optcr", "optca", "reslim", "iterlim", "nodlim", "domlim", "bratio", "holdfixed", "forcework"}
    | {"workfactor", "workspace"}
    | {f"user{n}" for n in range(1, 6)}
    | {f"integer{n}" for n in range(1, 6)}
)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\:]")
_PARAMETER = re.compile(r"(?:--)?[A-Za-z_][A-Za-z0-9_.]{0,62}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HostileName(UsageError):
    """A file's name is not allowed in a snapshot."""

    words = "The file name {0!r} cannot be used on a solver host: {1}. Rename the file and what refers to it."


class NameCollision(UsageError):
    """Two files would become one under lower-cased names."""

    words = (
        "{0!r} and {1!r} are both called {2!r} on a solver host, where names are lower-cased. "
        "Remove or rename the one the model does not use."
    )


class BadManifest(UsageError):
    """A manifest that this project would not write."""

    words = "The snapshot's manifest is refused: {0}. Expected one written by times-doctor; scan again."


class StagedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a snapshot."""

    path: str
    """Posix, relative to the snapshot, lower-case."""
    size_bytes: int
    sha256: str


class RewrittenPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a staged file that differs from the original."""

    path: str
    line: int
    before: str
    after: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a host needs to run a model, except the profile."""

    driver: str
    files: tuple[StagedFile, ...]
    """Sorted by path."""
    kind: str = "gams"
    """`gams`, or `lp` for a model file that HiGHS reads."""
    idirs: tuple[str, ...] = ()
    """Folders of the snapshot, in the order GAMS looks: `idir1=` is the first."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Words of the GAMS command line, in order: ("--DSC", "YES"), ("optcr", "0.01")."""
    restart: str | None = None
    gdxpath: str | None = None
    """`--GDXPATH`, relative to the working directory, ends with "/": the worker makes the folder. None: not set."""
    rewritten: tuple[RewrittenPlace, ...] = ()


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as a blob: the same bytes for the same manifest.

    Raises:
        BadManifest: no host would read it.
    """
    blob = msgspec.json.encode(manifest, order="deterministic")
    if len(blob) > MAX_MANIFEST_BYTES:
        raise BadManifest(
            f"its {len(manifest.files):,} files take {len(blob):,} bytes to list, at most "
            f"{MAX_MANIFEST_BYTES:,} are read"
        )
    return blob


def decode_manifest(blob: bytes) -> Manifest:
    """Read a manifest and check it; unknown fields (of a newer client) are ignored.

    Raises:
        BadManifest, HostileName, NameCollision: see `check_manifest`.
    """
    try:
        manifest = msgspec.json.decode(blob, type=Manifest)
    except (ValueError, RecursionError) as exc:  # msgspec's errors are ValueErrors
        raise BadManifest(str(exc)) from exc
    check_manifest(manifest)
    return manifest


def manifest_sha256(manifest: Manifest) -> str:
    """The name of a snapshot: the same for the same files, driver, folders and parameters."""
    return hashlib.sha256(encode_manifest(manifest)).hexdigest()


def lower_name(name: str) -> str:
    """Lower-case as GAMS's `fileCase=4` does: ASCII letters only (measured with 54.6).

    >>> lower_name("Été_BASE.DD")
    'Été_base.dd'
    """
    return "".join(chr(ord(char) + 32) if "A" <= char <= "Z" else char for char in name)


def is_parameter_value(value: str) -> bool:
    """Whether a value is allowed on GAMS's command line."""
    return len(value) <= MAX_VALUE_CHARS and value.isprintable()


def check_name(name: str) -> None:
    """Reject a name that is not a plain relative lower-case path.

    Raises:
        HostileName: it says why.
    """
    why = _name_fault(name)
    if why:
        raise HostileName(name, why)


def _name_fault(name: str) -> str | None:
    parts = name.split("/")
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return "it is not text (bytes that are not UTF-8)"
    if _FORBIDDEN.search(name):
        return "it has a control character, a backslash or a colon"
    if any(part in ("", ".", "..") for part in parts):
        return "expected a path below the snapshot, without '..' and empty parts"
    if max(lengths) > MAX_PART_BYTES or sum(lengths) + len(parts) > MAX_NAME_BYTES:
        return f"it is too long (at most {MAX_PART_BYTES} bytes a part, {MAX_NAME_BYTES} in all)"
    if any(part[-1] in ". " or part[0] == " " for part in parts):
        return "a part of it begins with a space or ends with a space or dot, which Windows drops"
    if any(_RESERVED.fullmatch(part) for part in parts) or name == RECORD:
        return "a part of it is a device name on Windows, or the name of our own record"
    return "expected lower-case letters" if name != lower_name(name) else None


def check_collisions(names: Iterable[tuple[str, str]]) -> None:
    """Reject two (staged name, user's name) with the same name, or a file where another needs a folder.

    Raises:
        NameCollision: naming both as the user knows them.
    """
    known: dict[str, str] = {}
    for staged, shown in names:
        if staged in known:
            raise NameCollision(known[staged], shown, staged)
        known[staged] = shown
    for staged, shown in known.items():
        for above in _folders_of(staged):
            if above in known:
                raise NameCollision(known[above], shown, above)


def _folders_of(name: str) -> Iterator[str]:
    cut = name.rfind("/")
    while cut > 0:
        yield name[:cut]
        cut = name.rfind("/", 0, cut)


def check_manifest(manifest: Manifest) -> None:
    """Reject a manifest that names anything outside its tree, or two files that would become one.

    Raises:
        BadManifest, HostileName, NameCollision.
    """
    if not 0 < len(manifest.files) <= MAX_FILES:
        raise BadManifest(f"it has {len(manifest.files)} files, expected 1 to {MAX_FILES}")
    for file in manifest.files:
        check_name(file.path)
        if file.size_bytes < 0 or not _SHA256.fullmatch(file.sha256):
            raise BadManifest(f"size or sha256 of {file.path!r} is none")
    if (total := sum(file.size_bytes for file in manifest.files)) > MAX_TOTAL_BYTES:
        raise BadManifest(f"its files are said to have {total:,} bytes together, expected at most {MAX_TOTAL_BYTES:,}")
    check_collisions((file.path, file.path) for file in manifest.files)
    if manifest.kind not in ("gams", "lp"):
        raise BadManifest(f"its kind is {manifest.kind!r}, expected 'gams' or 'lp'")
    _check_references(manifest)
    for name, value in manifest.parameters:
        _check_parameter(name, value)


def _check_references(manifest: Manifest) -> None:
    names = {file.path for file in manifest.files}
    folders = {folder for name in names for folder in _folders_of(name)}
    for what in (manifest.driver, manifest.restart):
        if what is not None and what not in names:
            raise BadManifest(f"{what!r} is not among its files")
    for idir in manifest.idirs:
        if idir not in folders:
            raise BadManifest(f"its input folder {idir!r} holds no file")
    if manifest.gdxpath is not None:
        check_name(manifest.gdxpath.removesuffix("/"))


def _check_parameter(name: str, value: str) -> None:
    if not _PARAMETER.fullmatch(name) or not (name.startswith("--") or name.lower() in KEPT_OPTIONS):
        raise BadManifest(f"{name!r} is not a parameter that may travel")
    if not is_parameter_value(value):
        raise BadManifest(f"the value of {name!r} is too long or not printable")
