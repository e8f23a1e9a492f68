"""The sha256 of input files, cached by their file system attributes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import msgspec

from times_doctor_tasks.blob_store.transfer_progress import OnSent, Tally
from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.contract.errors import UsageError

#: An entry hashed this soon after its file's last change is not remembered, seconds: a second change within the
#: file system's time step would leave the same mtime (2 s on FAT, 1 s on old NFS).
SETTLE_S = 3.0
#: Seconds after which the remembered hashes of a model that was not scanned are dropped.
KEEP_S = 90 * 86_400.0
_CHUNK_BYTES = 1024 * 1024
_MAX_THREADS = 8

#: size, mtime_ns, ctime_ns, inode.
_Stamp: TypeAlias = tuple[int, int, int, int]


class FileChanged(UsageError):
    """A file changed while it was read."""

    words = "{0!r} changed while it was read. Wait until whatever writes it has finished, then scan again."


class FileUnreadable(UsageError):
    """An input file cannot be read."""

    words = "The input file {0!r} cannot be read: {1}. Expected a readable file; check its permissions."


class FileHash(msgspec.Struct, frozen=True):
    """The content, in one piece."""

    sha256: str
    size_bytes: int


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    stamp: _Stamp
    sha256: str


class HashCache:
    """Remembers the hashes of one model's files between scans; losing it costs time, never correctness."""

    def __init__(self, folder: Path | None, scope: Path | None = None) -> None:
        """`folder`: where to remember (None remembers nothing); `scope`: the model, one memory file each."""
        key = hashlib.sha256(os.fsencode(scope or "")).hexdigest()[:24]
        self._file = None if folder is None else folder / f"hashes-{key}.json"
        self._entries = self._load()

    def hash_files(
        self, paths: Iterable[Path], *, threads: int | None = None, on_read: OnSent | None = None
    ) -> dict[Path, FileHash]:
        """Hash each file once, reading only those that may have changed; keeps the order of `paths`.

        Args:
            paths: Which files.
            threads: How many are read at once.
            on_read: Called with the progress.

        Raises:
            FileChanged: a file changed while it was read.
            FileUnreadable: a file is missing, not a regular file, or not readable.
        """
        result: dict[Path, FileHash] = {}
        unknown: list[Path] = []
        for path in dict.fromkeys(paths):
            known = self._recall(path)
            result[path] = known or FileHash("", 0)
            if known is None:
                unknown.append(path)
        if unknown:
            workers = max(1, min(threads or os.cpu_count() or 1, _MAX_THREADS, len(unknown)))
            tally = Tally(sum(map(_size_bytes, unknown)), on_read)
            pool = ThreadPoolExecutor(workers, thread_name_prefix="hash")
            try:
                hashed = pool.map(lambda path: _hash_file(path, tally), unknown)
                for path, (file_hash, entry) in zip(unknown, hashed, strict=True):
                    result[path] = file_hash
                    self._remember(path, entry)
            finally:
                pool.shutdown(wait=False)  # Ctrl-C does not wait until a large file is read to its end
            self._save()
        return result

    def _recall(self, path: Path) -> FileHash | None:
        entry = self._entries.get(str(path))
        if entry is None:
            return None
        try:
            stamp = stamp_of(path)
        except OSError as exc:
            raise FileUnreadable(str(path), exc.strerror or str(exc)) from exc
        return FileHash(entry.sha256, stamp[0]) if stamp == entry.stamp else None

    def _remember(self, path: Path, entry: _Entry | None) -> None:
        if entry is None:
            self._entries.pop(str(path), None)
        else:
            self._entries[str(path)] = entry

    def _load(self) -> dict[str, _Entry]:
        if self._file is None:
            return {}
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, _Entry])
        except (OSError, msgspec.DecodeError):
            return {}

    def _save(self) -> None:
        if self._file is None:
            return
        # No cache folder, a full disk, a name that is not text: only slower.
        with contextlib.suppress(OSError, UnicodeEncodeError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._file) as part:
                part.write_bytes(msgspec.json.encode(self._entries))
            _forget_old(self._file.parent)


def _hash_file(path: Path, tally: Tally) -> tuple[FileHash, _Entry | None]:
    """The hash, and the entry to remember: None where the file is too fresh to be trusted later."""
    try:
        with path.open("rb") as stream:
            before = _stamp(os.fstat(stream.fileno()))
            digest, read_bytes = hashlib.sha256(), 0
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
                read_bytes += len(chunk)
                tally.add(len(chunk))
            after = _stamp(os.fstat(stream.fileno()))
        now = stamp_of(path)
    except OSError as exc:
        raise FileUnreadable(str(path), exc.strerror or str(exc)) from exc
    if not before == after == now or read_bytes != before[0]:
        raise FileChanged(str(path))
    settled = time.time_ns() - max(before[1], before[2]) >= SETTLE_S * 1e9
    sha256 = digest.hexdigest()
    return FileHash(sha256, read_bytes), _Entry(before, sha256) if settled else None


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading it will say what is wrong
        return 0


def stamp_of(path: Path) -> _Stamp:
    """What changes with the content of a file: size, times in ns, inode."""
    return _stamp(path.stat())


def _stamp(stat: os.stat_result) -> _Stamp:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _forget_old(folder: Path) -> None:
    oldest = time.time() - KEEP_S
    for file in folder.glob("hashes-*.json"):
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)
