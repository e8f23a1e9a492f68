"""The blob store: files by the sha256 of their content, behind one small protocol.

A blob is written whole or not at all, under its own hash, so that an upload can be repeated and resumed at will.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from times_doctor_tasks.errors import StoreFailed, UsageError

_CHUNK_BYTES = 1 << 20


class BlobStore(Protocol):
    """Where snapshots and artefacts live."""

    def missing(self, names: Iterable[str]) -> set[str]:
        """Those of `names` (sha256, hex) that the store does not have."""

    def put(self, name: str, content: BinaryIO) -> None:
        """Stores `content` under `name`; does nothing when it is there.

        Raises:
            StoreFailed: the content does not have that hash, or there is no room for it.
        """

    def open(self, name: str) -> BinaryIO:
        """The content of a blob.

        Raises:
            StoreFailed: it is not there (expired, or never arrived).
        """


class FileBlobs:
    """Blobs as files below a folder that client and hosts share (or, for a local scan, below the cache folder)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def missing(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that have no file."""
        return {name for name in names if not self._path(name).is_file()}

    def put(self, name: str, content: BinaryIO) -> None:
        """Copies `content`, checking its hash on the way, and puts it in place in one step."""
        target = self._path(name)
        if target.is_file():
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as part:
                try:
                    _copy_checked(content, part, name)
                    part.flush()
                    Path(part.name).chmod(0o444)
                    Path(part.name).replace(target)
                except BaseException:
                    Path(part.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise StoreFailed(
                f"The store at {self._root} cannot take a file: {error}. Free some space there."
            ) from error

    def open(self, name: str) -> BinaryIO:
        """Opens the file of a blob."""
        try:
            return self._path(name).open("rb")
        except FileNotFoundError as error:
            raise StoreFailed(
                f"Blob {name[:12]}... is not in the store at {self._root}: expired or never sent."
            ) from error

    def _path(self, name: str) -> Path:
        if len(name) != 64 or not all(c in "0123456789abcdef" for c in name):
            raise StoreFailed(f"{name!r} is not the name of a blob: expected 64 hexadecimal digits.")
        return self._root / name[:2] / name


def sha256_of(content: BinaryIO) -> str:
    """Hash of a stream from where it stands."""
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def save(store: BlobStore, name: str, target: Path) -> None:
    """Writes a blob to `target`, through a temporary name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    with store.open(name) as content, part.open("wb") as out:
        shutil.copyfileobj(content, out, _CHUNK_BYTES)
    part.replace(target)


def open_store(url: str) -> BlobStore:
    """The store that a URL names.

    Raises:
        UsageError: no such kind of store.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FileBlobs(Path(unquote(parts.path)))
    raise UsageError(f"Store {url!r} is of no kind we know: expected file:///folder.")


def _copy_checked(content: BinaryIO, out: object, name: str) -> None:
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
        out.write(chunk)  # type: ignore[attr-defined]  # tempfile's wrapper is no BinaryIO to mypy
    if digest.hexdigest() != name:
        raise StoreFailed(
            f"A file changed while it was sent: expected hash {name[:12]}..., got {digest.hexdigest()[:12]}...."
        )
