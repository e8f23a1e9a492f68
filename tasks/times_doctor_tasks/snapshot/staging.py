"""Stages a snapshot on a solver host as a read-only tree: atomically, and checked before reuse."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias

import msgspec

from times_doctor_tasks.contract.errors import StoreFailed
from times_doctor_tasks.snapshot.manifest import RECORD, WORKDIR, Manifest, StagedFile, check_manifest

_CHUNK_BYTES = 1024 * 1024


class BlobMismatch(StoreFailed):
    """A blob's content does not have the hash that is its name."""

    words = "The stored content of {0!r} is {2}, expected {1}. Scan again to upload it once more."


FetchBlob: TypeAlias = Callable[[str], Path | BinaryIO]
"""sha256 -> where its content is: a file, or an open binary stream, which `stage` closes."""


def stage(manifest: Manifest, fetch_blob: FetchBlob, target: Path) -> None:
    """Write the snapshot atomically as a read-only tree at `target`.

    A record of every file's size, times and inode is left inside it for `verify_staged`.
    If another process stages the same tree at the same time, the first one wins, and both succeed.

    Raises:
        BadManifest, HostileName, NameCollision: the manifest is checked again, from any sender.
        BlobMismatch: a blob's content differs from the manifest.
        FileExistsError: `target` exists but is not an unchanged snapshot; call `remove_staged` first.
    """
    check_manifest(manifest)
    target.parent.mkdir(parents=True, exist_ok=True)
    tree = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        for file in manifest.files:
            _write_blob(file, fetch_blob(file.sha256), tree / file.path)
        _make_read_only(tree)
        (tree / RECORD).write_bytes(msgspec.json.encode(_stamps(tree)))
        _move_into_place(tree, target)
    finally:
        if tree.exists():
            _remove_tree(tree)


def _move_into_place(tree: Path, target: Path) -> None:
    try:
        tree.replace(target)
    except OSError as exc:
        if not verify_staged(target):
            raise FileExistsError(f"{str(target)!r} exists and is not an untouched snapshot") from exc


def verify_staged(target: Path) -> bool:
    """Whether the tree at `target` is unchanged since `stage` wrote it (size, mtime, ctime, inode of each file)."""
    try:
        recorded = msgspec.json.decode((target / RECORD).read_bytes(), type=dict[str, _Stamp])
        return recorded == _stamps(target)
    except (OSError, msgspec.DecodeError):
        return False


def remove_staged(target: Path) -> None:
    """Delete a staged (read-only) tree, if there is one."""
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        _remove_tree(target)


def copy_workdir_files(target: Path, workdir: Path) -> None:
    """Copy the files that GAMS needs in its working directory (`cwd/` of the snapshot) into a run's, writable.

    Copied, not linked: TIMES may write a GDX file under the name of one it read.
    """
    source = target / WORKDIR
    if source.is_dir():
        for folder, _, names in os.walk(source):
            below = workdir / Path(folder).relative_to(source)
            below.mkdir(parents=True, exist_ok=True)
            for name in names:
                shutil.copyfile(Path(folder) / name, below / name)


#: size, mtime_ns, ctime_ns, inode.
_Stamp: TypeAlias = tuple[int, int, int, int]


def _stamps(target: Path) -> dict[str, _Stamp]:
    """Name -> stamp of everything below `target` that is not a plain folder."""
    stamps: dict[str, _Stamp] = {}
    for folder, below, names in os.walk(target, onerror=_raise):
        links = [name for name in below if (Path(folder) / name).is_symlink()]
        for name in (*names, *links):
            path = Path(folder) / name
            found = path.lstat()
            stamps[path.relative_to(target).as_posix()] = (
                found.st_size,
                found.st_mtime_ns,
                found.st_ctime_ns,
                found.st_ino,
            )
    stamps.pop(RECORD, None)
    return stamps


def _raise(error: OSError) -> None:
    raise error


def _write_blob(file: StagedFile, blob: Path | BinaryIO, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, written_bytes = hashlib.sha256(), 0
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(blob.open("rb") if isinstance(blob, Path) else blob)
        output = stack.enter_context(path.open("xb"))
        while written_bytes <= file.size_bytes and (chunk := source.read(_CHUNK_BYTES)):
            digest.update(chunk)
            written_bytes += len(chunk)
            output.write(chunk)
    if digest.hexdigest() != file.sha256 or written_bytes != file.size_bytes:
        raise BlobMismatch(file.path, file.sha256, digest.hexdigest())


def _make_read_only(tree: Path) -> None:
    for folder, _, names in os.walk(tree, topdown=False):
        for name in names:
            (Path(folder) / name).chmod(0o444)
        if Path(folder) != tree:  # the top folder stays writable until it has its final name
            Path(folder).chmod(0o555)


def _remove_tree(tree: Path) -> None:
    for folder, _, _ in os.walk(tree):
        with contextlib.suppress(OSError):
            Path(folder).chmod(stat.S_IRWXU)
    shutil.rmtree(tree)
