"""Folders on a solver host: staged snapshots shared by all runs, and one small folder per attempt.

<cache>/staged/<snapshot>/    read-only tree, checked (size, mtime, ctime, inode) before each reuse
<cache>/runs/<scan>/<run>.<attempt>/    working folder; kept, because GDX files stay on their host
<cache>/markers/<host>/       which engine runs where, for a successor of this worker
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from times_doctor_tasks.blobs import BlobStore
from times_doctor_tasks.manifest import Manifest, decode_manifest
from times_doctor_tasks.staging import copy_workdir_files, remove_staged, stage, verify_staged
from times_doctor_tasks.store import Fence

#: Days that working folders and staged snapshots are kept without use.
KEEP_DAYS = 14.0


class Workspace:
    """The folders of one host, below its cache folder."""

    def __init__(self, cache: Path, blobs: BlobStore, *, host: str) -> None:
        self._cache = cache
        self.blobs = blobs
        self.markers = cache / "markers" / host

    def manifest(self, snapshot: str) -> Manifest:
        """The manifest of a snapshot, checked before anything is made of it.

        Raises:
            StoreFailed: it is not in the store.
            BadManifest, HostileName, NameCollision: it cannot be read, or names something outside its own tree.
        """
        with self.blobs.open(snapshot) as content:
            return decode_manifest(content.read())

    def tree(self, snapshot: str, manifest: Manifest) -> Path:
        """The staged tree of a snapshot: the one that is there when it is untouched, else a new one."""
        target = self._cache / "staged" / snapshot
        with self._locked(snapshot):
            if not verify_staged(target):
                remove_staged(target)
                stage(manifest, self.blobs.open, target)
            with contextlib.suppress(OSError):
                (target.parent / f"{snapshot}.used").touch()
        return target

    def attempt_folder(self, scan: str, run: str, fence: Fence, *, tree: Path, manifest: Manifest) -> Path:
        """A fresh working folder, with what GAMS finds in its working directory only."""
        folder = self._cache / "runs" / scan / f"{run}.{fence.attempt}"
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        copy_workdir_files(tree, folder)
        if manifest.gdxpath is not None:
            (folder / manifest.gdxpath).mkdir(parents=True, exist_ok=True)
        return folder

    def marker(self, scan: str, run: str) -> Path:
        """Where the pid of a run's engine is noted while it runs."""
        self.markers.mkdir(parents=True, exist_ok=True)
        return self.markers / f"{scan}.{run}"

    def prune(self, *, now_s: float | None = None) -> None:
        """Removes what nobody used for `KEEP_DAYS`."""
        oldest_s = (time.time() if now_s is None else now_s) - KEEP_DAYS * 86_400
        for scan in _folders(self._cache / "runs"):
            if scan.stat().st_mtime < oldest_s:
                shutil.rmtree(scan, ignore_errors=True)
        for tree in _folders(self._cache / "staged"):
            used = tree.parent / f"{tree.name}.used"
            if (used if used.exists() else tree).stat().st_mtime < oldest_s:
                remove_staged(tree)

    @contextlib.contextmanager
    def _locked(self, snapshot: str) -> Iterator[None]:
        """One stager at a time, over all processes of this host."""
        folder = self._cache / "staged"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{snapshot}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
