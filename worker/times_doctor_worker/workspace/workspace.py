"""The host's folders: staged snapshots shared by all runs, and a small working folder for each attempt.

<cache>/staged/<snapshot>/    read-only tree, checked (size, mtime, ctime, inode) before each reuse
<cache>/runs/<scan>/<run>.<attempt>/    working folder; kept, because GDX files stay on their host

A user of a folder holds a shared lock on the file beside it, so that no process evicts it.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from times_doctor_tasks.blob_store.base import BlobStore
from times_doctor_tasks.blob_store.factory import load
from times_doctor_tasks.contract.errors import StoreFailed
from times_doctor_tasks.snapshot.manifest import MAX_MANIFEST_BYTES, Manifest, decode_manifest
from times_doctor_tasks.snapshot.staging import copy_workdir_files, remove_staged, stage, verify_staged
from times_doctor_tasks.state_store.run_store import Fence
from times_doctor_worker.process.file_locks import hold
from times_doctor_worker.workspace.eviction import make_room
from times_doctor_worker.workspace.locks import lock_beside, opened, used, used_still

#: Bytes that staging leaves free on the disk, for logs and listings of runs.
MIN_FREE_BYTES = 64 << 20
#: A staged model takes the size of its files plus partly filled blocks.
STAGE_FACTOR = 1.1
#: Most bytes of a model. A larger one means a broken manifest: only its run must fail, not one host after another.
MAX_MODEL_BYTES = 10 << 40
#: Manifests kept in memory, so that a far store is asked once for each model in use.
KEPT_MANIFESTS = 4


class DiskFull(OSError):
    """The disk of the cache folder is full."""


class ModelTooLarge(StoreFailed):
    """A manifest claims more bytes than any model has; this is not a fault of the host."""


class Workspace:
    """The folders of one host, below its cache folder."""

    def __init__(self, cache: Path, blobs: BlobStore, *, markers: Path) -> None:
        self.cache = cache
        self.blobs = blobs
        self._markers = markers
        self._manifests: dict[str, Manifest] = {}
        #: One manifest is read at a time: some take ten times their size while they are.
        self._reading = threading.Lock()

    def manifest(self, snapshot: str) -> Manifest:
        """The manifest of a snapshot, checked before use; the last few are cached.

        Raises:
            StoreFailed: it is not in the store.
            BadManifest, HostileName, NameCollision: it cannot be read, or names something outside its own tree.
        """
        with self._reading:
            manifest = self._manifests.get(snapshot)
            if manifest is None:
                manifest = decode_manifest(load(self.blobs, snapshot, MAX_MANIFEST_BYTES))
                self._manifests = dict([*self._manifests.items(), (snapshot, manifest)][-KEPT_MANIFESTS:])
            return manifest

    @contextlib.contextmanager
    def tree(self, snapshot: str, manifest: Manifest) -> Iterator[Path]:
        """The staged tree of a snapshot: the existing one if it is unchanged, else a new one.

        It is not evicted while the context is open.

        Raises:
            DiskFull: it does not fit; nothing was staged.
            ModelTooLarge: no host could hold it.
        """
        target = self.cache / "staged" / snapshot
        with used(target.with_name(f"{snapshot}.lock")):
            with opened(target.with_name(f"{snapshot}.staging")) as staging:
                # One stager at a time, over all processes of this host; released before the solve, so that other runs
                # of the model do not wait.
                hold(staging)
                if not verify_staged(target):
                    remove_staged(target)
                    self._require(sum(file.size_bytes for file in manifest.files))
                    stage(manifest, self.blobs.opener([file.sha256 for file in manifest.files]), target)
                with contextlib.suppress(OSError):
                    target.with_name(f"{snapshot}.used").touch()
            yield target

    @contextlib.contextmanager
    def attempt_folder(self, scan: str, run: str, fence: Fence, *, tree: Path, manifest: Manifest) -> Iterator[Path]:
        """A new working folder, with the files that GAMS needs in its working directory.

        It is not pruned while the context is open; it stays when it ends.
        """
        folder = self.cache / "runs" / scan / f"{run}.{fence.attempt}"
        with used(lock_beside(folder)):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            copy_workdir_files(tree, folder)
            if manifest.gdxpath is not None:
                (folder / manifest.gdxpath).mkdir(parents=True, exist_ok=True)
            yield folder

    @contextlib.contextmanager
    def kept_folder(self, scan: str, run: str, attempt: int) -> Iterator[Path | None]:
        """The working folder of an ended attempt; None if it is gone.

        It is not evicted while the context is open. Its name comes from outside: a path out of the cache gives None
        too.
        """
        runs = (self.cache / "runs").resolve()
        folder = runs / scan / f"{run}.{attempt}"
        if folder.resolve() != folder or not folder.is_relative_to(runs):
            yield None
            return
        try:
            # Not created again: eviction removes the lock with the folder.
            lock = used_still(lock_beside(folder))
        except FileNotFoundError:
            yield None
            return
        with lock:
            yield folder if folder.is_dir() else None

    def marker(self, scan: str, run: str) -> Path:
        """The file with the pid of a run's engine while it runs."""
        self._markers.mkdir(parents=True, exist_ok=True)
        return self._markers / f"{scan}.{run}"

    def disk_fault(self) -> str:
        """Why no model can be staged here now; empty if there is room."""
        free_bytes = self.free_bytes()
        return "" if free_bytes >= MIN_FREE_BYTES else self._shortage(MIN_FREE_BYTES, free_bytes)

    def free_bytes(self) -> int:
        """Bytes that an unprivileged process can still write to the disk of the cache folder."""
        self.cache.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.cache).free

    def _require(self, size_bytes: int) -> None:
        needed_bytes = int(size_bytes * STAGE_FACTOR) + MIN_FREE_BYTES
        if size_bytes > MAX_MODEL_BYTES:
            raise ModelTooLarge(
                f"its files are said to have {size_bytes:,} bytes; expected {MAX_MODEL_BYTES:,} at most."
            )
        if self.free_bytes() < needed_bytes:
            make_room(self.cache, needed_bytes, self.free_bytes)
        free_bytes = self.free_bytes()
        if free_bytes < needed_bytes:
            raise DiskFull(self._shortage(needed_bytes, free_bytes))

    def _shortage(self, needed_bytes: int, free_bytes: int) -> str:
        return (
            f"the disk of {self.cache} is full: {needed_bytes >> 20} MB are needed and {free_bytes >> 20} MB are free. "
            "Free some space there, or name another folder with TIMES_DOCTOR_CACHE_DIR"
        )
