"""Blobs as files below a folder that client and hosts share (or, for a local scan, below the cache folder).

The time of a blob's last use is its file's modification time: the server's clock on a network share.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from times_doctor_tasks.blob_store.base import PART_TTL_S, OpenBlob, Sent, StoredBlob, Usage
from times_doctor_tasks.blob_store.content import (
    CHUNK_BYTES,
    NAME,
    Content,
    check_blob_name,
    checked_stream,
    chunks_of,
    size_of,
)
from times_doctor_tasks.blob_store.errors import BlobDamaged, BlobGone, StoreFull, StoreUnreachable
from times_doctor_tasks.blob_store.transfer_progress import OnSent, Tally
from times_doctor_tasks.contract.errors import StoreFailed

#: Bytes of the disk that no upload uses, so that others on the same disk can continue.
FREE_BYTES = 256 << 20
#: A use is noted again only after this many seconds: usually one call per file is enough.
RENEW_AFTER_S = 3600.0
#: Files in parallel, to hide the latency of a disk or a far file server.
THREADS = 8
#: Name of the file by which machines know whether they see the same folder.
MARK = "times-doctor-store"
#: Prefix of files that are being written.
_PART = ".part-"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class FileBlobs:
    """Blobs as `<root>/<first two digits>/<name>`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def where(self) -> str:
        """The folder."""
        return str(self._root)

    def identity(self) -> str:
        """A file in the folder, created once."""
        mark = self._root / MARK
        with self._translated():
            if not mark.exists():
                self._make_folder(self._root)
                self._make_mark(mark)
            return mark.read_text("ascii", "replace").strip()

    def missing(self, names: Iterable[str]) -> set[str]:
        """Those that have no file."""
        paths = {name: self._path(name) for name in names}
        with self._translated(), ThreadPoolExecutor(THREADS, thread_name_prefix="blobs") as pool:
            return {name for name, there in zip(paths, pool.map(_use, paths.values()), strict=True) if not there}

    def put(self, blobs: Mapping[str, Content], on_sent: OnSent | None = None) -> Sent:
        """Copies missing blobs, several at a time, if the disk has room for all."""
        missing = self.missing(blobs)
        if not missing:
            return Sent()
        sizes = {name: size_of(content) for name, content in blobs.items() if name in missing}
        with self._translated():
            self._make_folder(self._root)
        self._check_room(len(sizes), sum(sizes.values()))
        tally = Tally(sum(sizes.values()), on_sent)
        with ThreadPoolExecutor(THREADS, thread_name_prefix="blobs") as pool:
            sent_bytes = sum(pool.map(lambda name: self._copy(name, blobs[name], tally), sizes))
        return Sent(len(sizes), sent_bytes, sent_bytes)

    def open(self, name: str) -> BinaryIO:
        """Reads the file of a blob."""
        path = self._path(name)
        with self._translated():
            try:
                file = path.open("rb")
            except FileNotFoundError as error:
                raise BlobGone(name, self.where) from error
            _use(path)

        def on_damage() -> Exception:
            with contextlib.suppress(OSError):
                path.unlink()
            return BlobDamaged(name, self.where)

        return checked_stream(name, iter(lambda: self._read(file), b""), on_damage, file.close)

    def opener(self, names: Sequence[str]) -> OpenBlob:  # noqa: ARG002  # the kernel reads ahead
        """`open`."""
        return self.open

    def stored(self) -> list[StoredBlob]:
        """Every file that is a blob; others (of NFS, or a user's) may lie beside them."""
        with self._translated():
            found = [
                StoredBlob(path.name, status.st_size, status.st_mtime_ns // 1_000_000)
                for path, status in self._files()
                if NAME.fullmatch(path.name)
            ]
        return sorted(found, key=lambda blob: blob.used_ms)

    def drop(self, blobs: Collection[StoredBlob]) -> tuple[int, int]:
        """Removes files that were not used since they were listed."""
        gone: list[int] = []
        with self._translated():
            for blob in blobs:
                path = self._path(blob.name)
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime_ns // 1_000_000 <= blob.used_ms:
                        path.unlink()
                        gone.append(blob.stored_bytes)
        return len(gone), sum(gone)

    def tidy(self) -> None:
        """Removes leftovers of killed uploads."""
        oldest_s = time.time() - PART_TTL_S
        with self._translated():
            for path, status in self._files():
                if path.name.startswith(_PART) and status.st_mtime < oldest_s:
                    path.unlink(missing_ok=True)

    def usage(self) -> Usage:
        """The files there are, and the free disk."""
        used_bytes = sum(blob.stored_bytes for blob in self.stored())
        return Usage(used_bytes, self._room_bytes(), "free disk")

    def close(self) -> None:
        """Nothing is held."""

    def _make_mark(self, mark: Path) -> None:
        """Creates the mark atomically, unless another process was faster."""
        handle, part = tempfile.mkstemp(dir=self._root, prefix=_PART)
        try:
            with os.fdopen(handle, "w") as out:
                out.write(f"{secrets.token_hex(8)}\n")
            _protect(Path(part))
            try:
                os.link(part, mark)
            except FileExistsError:
                return
            except OSError:  # a share without links: of two processes at once, the later one counts
                Path(part).replace(mark)
        finally:
            Path(part).unlink(missing_ok=True)

    def _copy(self, name: str, content: Content, tally: Tally) -> int:
        """Writes one blob under a temporary name and renames it; returns its bytes."""
        target = self._path(name)
        with self._translated():
            self._make_folder(target.parent)
            handle, part = tempfile.mkstemp(dir=target.parent, prefix=_PART)
        try:
            with os.fdopen(handle, "wb") as out:
                size_bytes = self._write(out, chunks_of(name, content), tally)
            with self._translated():
                _protect(Path(part))
                if not _use(target):  # another client may read the existing one: do not replace it
                    Path(part).replace(target)
            return size_bytes
        finally:
            with contextlib.suppress(OSError):
                Path(part).unlink(missing_ok=True)

    def _write(self, out: BinaryIO, chunks: Iterator[bytes], tally: Tally) -> int:
        size_bytes = 0
        for chunk in chunks:  # errors of reading are passed on, those of writing translated
            with self._translated(len(chunk)):
                size_bytes += out.write(chunk)
            tally.add(len(chunk))
        with self._translated():
            out.flush()
            # Without it a crash of the machine can leave a file of the right name, full of zeros.
            os.fsync(out.fileno())
        return size_bytes

    def _read(self, file: BinaryIO) -> bytes:
        with self._translated():
            return file.read(CHUNK_BYTES)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            if len(folder.name) == 2 and folder.is_dir():
                for path in folder.iterdir():
                    with contextlib.suppress(FileNotFoundError):
                        yield path, path.stat()

    def _make_folder(self, folder: Path) -> None:
        """Creates a folder with the permissions of its parent, for a team's members in one group."""
        if folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        if folder != self._root:
            with contextlib.suppress(PermissionError):  # another process created it
                folder.chmod(stat.S_IMODE(self._root.stat().st_mode))

    def _check_room(self, files: int, needed_bytes: int) -> None:
        room_bytes = self._room_bytes()
        if needed_bytes > room_bytes:
            what = "1 file takes" if files == 1 else f"{files:,} files take"
            raise StoreFull(self.where, needed_bytes, room_bytes, "of the disk", what, "free some of the disk")

    def _room_bytes(self) -> int:
        with self._translated():
            nearest = next(folder for folder in (self._root, *self._root.parents) if folder.is_dir())
            return max(0, shutil.disk_usage(nearest).free - FREE_BYTES)

    def _path(self, name: str) -> Path:
        return self._root / check_blob_name(name)[:2] / name

    @contextlib.contextmanager
    def _translated(self, needed_bytes: int = 0) -> Iterator[None]:
        """Turns the folder's errors into those of a store."""
        try:
            yield
        except StoreFailed:
            raise
        except PermissionError as error:
            raise StoreFailed(f"The store at {self.where!r} refuses us: {error.strerror}. Check its rights.") from error
        except OSError as error:
            if error.errno in _FULL:
                limit, advice = "of the disk, or of your share of it", "free some of the disk"
                raise StoreFull(self.where, needed_bytes, 0, limit, "the next piece takes", advice) from error
            raise StoreUnreachable(self.where, error.strerror or str(error)) from error


def _use(path: Path) -> bool:
    """Whether a blob exists; notes its use."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode):
        return False
    return time.time() - status.st_mtime <= RENEW_AFTER_S or _touch(path)


def _protect(path: Path) -> None:
    """Makes a blob readable for every user (hosts run as other users), and read-only."""
    if sys.platform != "win32":  # there, read-only would also prevent `drop`
        path.chmod(0o444)


def _touch(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        # Another user's file: make a copy, which is ours and new. Users without write permission only read.
        with contextlib.suppress(OSError):
            handle, copy = tempfile.mkstemp(dir=path.parent, prefix=_PART)
            os.close(handle)
            shutil.copyfile(path, copy)
            _protect(Path(copy))
            Path(copy).replace(path)
    return True
