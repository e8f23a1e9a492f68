"""How a model's input files stand on a solver host: their names, their manifest, the read-only tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec


class StagedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a snapshot."""

    path: str
    """Posix, relative to the snapshot, lower-case."""
    size_bytes: int
    sha256: str


class RewrittenPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a staged file that differs from the file it came from."""

    path: str
    line: int
    before: str
    after: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a host needs to know to run a model, but the profile."""

    driver: str
    files: tuple[StagedFile, ...]
    """Sorted by path."""
    idirs: tuple[str, ...] = ()
    """Folders of the snapshot, in the order GAMS looks; "." is the snapshot itself."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Words of the GAMS command line, in order: ("--DSC", "YES"), ("optcr", "0.01")."""
    restart: str | None = None
    gdxpath: str | None = None
    """Folder of the snapshot for `--GDXPATH`; None: the model's own."""
    rewritten: tuple[RewrittenPlace, ...] = ()


def manifest_sha256(manifest: Manifest) -> str:
    """The name of a snapshot: the same for the same files, driver, folders and parameters."""
    raise NotImplementedError


def check_manifest(manifest: Manifest) -> None:
    """Refuse a manifest that names anything outside its own tree, or two files that would become one."""
    raise NotImplementedError


def stage(manifest: Manifest, fetch_blob: Callable[[str], Path | BinaryIO], target: Path) -> None:
    """Write the snapshot as a read-only tree at `target`, whole or not at all."""
    raise NotImplementedError


def verify_staged(target: Path) -> bool:
    """Whether the tree at `target` is untouched since `stage` wrote it (size, mtime, ctime, inode of each file)."""
    raise NotImplementedError
