"""The host's folders: staged snapshots shared by all runs, and a small working folder for each attempt.

<cache>/staged/<snapshot>/    read-only tree, checked (size, mtime, ctime, inode) before each reuse
<cache>/runs/<scan>/<run>.<attempt>/    working folder; kept, because GDX files stay on their host

A user of a folder holds a shared lock on the file beside it, so that no process prunes it.
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

#: What stays free on the disk whatever is staged: logs and listings of runs have to go somewhere.
MIN_FREE_BYTES = 64 << 20
#: A staged model takes what its files have, and blocks that are not full.
STAGE_FACTOR = 1.1
#: Most bytes of a model. A larger claim is a broken manifest: it must cost its run, and not a host after the other.
MAX_MODEL_BYTES = 10 << 40
#: Manifests that are kept in memory: of the models that are scanned now, so that a far store is asked once for each.
KEPT_MANIFESTS = 4


class DiskFull(OSError):
    """The disk of the cache folder has no room."""


class ModelTooLarge(StoreFailed):
    """A manifest claims more bytes than any model has: no host is at fault."""


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
        """The manifest of a snapshot, checked before anything is made of it; of the last few it is known.

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
        """The staged tree of a snapshot: the one that is there when it is untouched, else a new one.

        It is not pruned while the context is open.

        Raises:
            DiskFull: it does not fit; nothing was staged.
            ModelTooLarge: it would fit nowhere.
        """
        target = self.cache / "staged" / snapshot
        with used(target.with_name(f"{snapshot}.lock")):
            with opened(target.with_name(f"{snapshot}.staging")) as staging:
                # One stager at a time, over all processes of this host; not for the time of the solve, which others
                # of the same model must not wait for.
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
        """A fresh working folder, with what GAMS finds in its working directory only.

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
        """The working folder of an attempt that is over; None when it is not here any more.

        It is not pruned while the context is open. Its name comes from outside: what leads out of the cache
        is not here either.
        """
        runs = (self.cache / "runs").resolve()
        folder = runs / scan / f"{run}.{attempt}"
        if folder.resolve() != folder or not folder.is_relative_to(runs):
            yield None
            return
        try:
            # Not created again: its lock was removed with a folder that was pruned.
            lock = used_still(lock_beside(folder))
        except FileNotFoundError:
            yield None
            return
        with lock:
            yield folder if folder.is_dir() else None

    def marker(self, scan: str, run: str) -> Path:
        """Where the pid of a run's engine is noted while it runs."""
        self._markers.mkdir(parents=True, exist_ok=True)
        return self._markers / f"{scan}.{run}"

    def disk_fault(self) -> str:
        """Why nothing can be staged here now; empty when there is room."""
        free_bytes = self.free_bytes()
        return "" if free_bytes >= MIN_FREE_BYTES else self._shortage(MIN_FREE_BYTES, free_bytes)

    def free_bytes(self) -> int:
        """What an unprivileged process may still write to the disk of the cache folder."""
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
