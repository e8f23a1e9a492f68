from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import pytest

from times_doctor_tasks.blob_store.base import BlobStore
from times_doctor_tasks.blob_store.errors import BlobTooLarge
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.snapshot.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    StagedFile,
    encode_manifest,
    manifest_sha256,
)
from times_doctor_tasks.state_store.run_store import Fence
from times_doctor_worker.workspace import eviction
from times_doctor_worker.workspace.eviction import KEEP_DAYS, make_room, prune
from times_doctor_worker.workspace.locks import opened
from times_doctor_worker.workspace.workspace import KEPT_MANIFESTS, MIN_FREE_BYTES, DiskFull, ModelTooLarge, Workspace

DAY_S = 86_400.0


class Models:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = open_store((folder / "store").as_uri())
        self.workspace = Workspace(folder / "cache", self.blobs, markers=folder / "markers")

    def add(self, text: str) -> tuple[str, Manifest]:
        content = text.encode()
        name = hashlib.sha256(content).hexdigest()
        file = StagedFile(path="model/m.mps", size_bytes=len(content), sha256=name)
        manifest = Manifest(driver="model/m.mps", files=(file,), kind="lp")
        snapshot = manifest_sha256(manifest)
        self.blobs.put({name: content, snapshot: encode_manifest(manifest)})
        return snapshot, manifest

    def use(self, stack: ExitStack, text: str, run: str = "highs.a") -> Path:
        snapshot, manifest = self.add(text)
        tree = stack.enter_context(self.workspace.tree(snapshot, manifest))
        folder = stack.enter_context(
            self.workspace.attempt_folder("s1", run, Fence(1, "t"), tree=tree, manifest=manifest)
        )
        (folder / "run.log").write_text(text)
        return tree

    def trees(self) -> set[str]:
        return {path.read_text() for path in self.folder.glob("cache/staged/*/model/m.mps")}

    def folders(self) -> set[str]:
        return {path.name for path in self.folder.glob("cache/runs/*/*") if path.is_dir()}


class Counting:
    """A store that counts how often it is asked for a blob."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self.opened: list[str] = []

    def open(self, name: str) -> BinaryIO:
        self.opened.append(name)
        return self._store.open(name)


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Models]:
    models = Models(tmp_path)
    yield models
    prune(tmp_path / "cache", limit_bytes=0)


def test_a_snapshot_is_staged_once_and_mended_when_somebody_touched_it(models: Models) -> None:
    snapshot, manifest = models.add("model")
    with models.workspace.tree(snapshot, manifest) as tree:
        first = (tree / "model/m.mps").stat().st_ctime_ns
    with models.workspace.tree(snapshot, manifest) as tree:
        assert (tree / "model/m.mps").stat().st_ctime_ns == first
        (tree / "model/m.mps").chmod(0o644)
        (tree / "model/m.mps").write_text("another")
    with models.workspace.tree(snapshot, manifest) as tree:
        assert (tree / "model/m.mps").read_text() == "model"


def test_a_second_run_of_a_model_does_not_wait_for_the_first_ones_solve(models: Models) -> None:
    snapshot, manifest = models.add("model")

    def stage_it_too() -> Path:
        with models.workspace.tree(snapshot, manifest) as second:
            return second

    with models.workspace.tree(snapshot, manifest) as first:
        other = threading.Thread(target=lambda: trees.append(stage_it_too()), daemon=True)
        trees: list[Path] = []
        other.start()
        other.join(timeout=30)
        assert trees == [first]


def test_what_is_in_use_is_never_pruned(models: Models) -> None:
    with ExitStack() as stack:
        models.use(stack, "used")
        assert prune(models.workspace.cache, limit_bytes=0, now_s=time.time() + 99 * DAY_S) == 0
        assert (models.trees(), models.folders()) == ({"used"}, {"highs.a.1"})
    assert prune(models.workspace.cache, limit_bytes=0) > 0
    assert (models.trees(), models.folders()) == (set(), set())
    assert list((models.workspace.cache / "runs").iterdir()) == []


def test_what_nobody_used_for_a_fortnight_goes(models: Models) -> None:
    with ExitStack() as stack:
        models.use(stack, "old")
    now_s = time.time()
    assert prune(models.workspace.cache, limit_bytes=1 << 40, now_s=now_s + (KEEP_DAYS - 1) * DAY_S) == 0
    assert prune(models.workspace.cache, limit_bytes=1 << 40, now_s=now_s + (KEEP_DAYS + 1) * DAY_S) > 0
    assert models.trees() == set()


def test_beyond_its_size_the_least_recently_used_goes_first(models: Models) -> None:
    for age, text in ((3, "a" * 4000), (2, "b" * 4000), (1, "c" * 4000)):
        with ExitStack() as stack:
            models.use(stack, text, run=f"highs.{text[0]}")
        used_s = time.time() - age * 3600
        for path in (*models.folder.glob("cache/staged/*.used"), *models.folder.glob(f"cache/runs/s1/*{text[0]}.1")):
            if path.stat().st_mtime > used_s + 1800:
                os.utime(path, (used_s, used_s))
    prune(models.workspace.cache, limit_bytes=17_500)
    assert {text[0] for text in models.trees()} == {"b", "c"}
    assert models.folders() == {"highs.b.1", "highs.c.1"}


def test_room_is_made_until_it_is_enough(models: Models) -> None:
    for text in ("a", "b"):
        with ExitStack() as stack:
            models.use(stack, text, run=f"highs.{text}")
    free = iter([0, 0, 2])
    make_room(models.workspace.cache, 2, lambda: next(free))
    assert len(models.trees()) + len(models.folders()) == 3


def test_nothing_is_removed_for_what_would_not_fit_even_then(models: Models) -> None:
    with ExitStack() as stack:
        models.use(stack, "a")
    make_room(models.workspace.cache, 10**15, lambda: 10**9)
    assert models.trees() == {"a"}


def test_a_manifest_that_claims_more_than_any_model_has_is_no_fault_of_the_host(models: Models) -> None:
    snapshot, manifest = models.add("a")
    file = msgspec.structs.replace(manifest.files[0], size_bytes=10**18)
    huge = msgspec.structs.replace(manifest, files=(file,))
    with pytest.raises(ModelTooLarge, match="are said to have"), models.workspace.tree(snapshot, huge):
        pass


def test_a_manifest_beyond_its_bound_is_refused_unread(models: Models) -> None:
    content = b" " * (MAX_MANIFEST_BYTES + 1)
    name = hashlib.sha256(content).hexdigest()
    models.workspace.blobs.put({name: content})
    with pytest.raises(BlobTooLarge, match=r"expected at most 4\.2 MB"):
        models.workspace.manifest(name)


def test_a_model_that_does_not_fit_is_refused_before_anything_is_staged(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, manifest = models.add("m" * 1000)
    monkeypatch.setattr(Workspace, "free_bytes", lambda self: MIN_FREE_BYTES + 500)
    with (
        pytest.raises(DiskFull, match="64 MB are needed and 64 MB are free"),
        models.workspace.tree(snapshot, manifest),
    ):
        pass
    assert models.trees() == set()
    assert models.workspace.disk_fault() == ""
    monkeypatch.setattr(Workspace, "free_bytes", lambda self: MIN_FREE_BYTES - 1)
    assert "is full" in models.workspace.disk_fault()


def test_a_full_disk_is_emptied_of_what_nobody_uses_before_a_model_is_refused(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        models.use(stack, "old")
    monkeypatch.setattr("times_doctor_worker.workspace.workspace.MIN_FREE_BYTES", 1)
    monkeypatch.setattr(Workspace, "free_bytes", lambda self: 0 if list(self.cache.glob("runs/*/*")) else 1000)
    snapshot, manifest = models.add("new")
    with models.workspace.tree(snapshot, manifest):
        assert "new" in models.trees()


def test_what_a_killed_stager_left_goes_after_a_day(models: Models) -> None:
    part = models.workspace.cache / "staged" / ".abc.1234.tmp"
    part.mkdir(parents=True)
    prune(models.workspace.cache, limit_bytes=1 << 40)
    assert part.exists()
    prune(models.workspace.cache, limit_bytes=1 << 40, now_s=time.time() + eviction.KEEP_PARTS_S + 1)
    assert not part.exists()


def test_a_kept_folder_is_found_by_its_ids_and_nothing_outside_is(models: Models, tmp_path: Path) -> None:
    with ExitStack() as stack:
        models.use(stack, "model")
    workspace = models.workspace
    with workspace.kept_folder("s1", "highs.a", 1) as folder:
        assert folder == workspace.cache / "runs" / "s1" / "highs.a.1"
        assert prune(workspace.cache, limit_bytes=0, now_s=time.time() + 99 * DAY_S) >= 0
        assert folder.is_dir()
    outside = tmp_path / "outside.1"
    outside.mkdir()
    (tmp_path / ".outside.1.lock").touch()
    for ids in (("s1", "highs.a", 2), ("s2", "highs.a", 1), ("../..", "outside", 1), ("..", "../outside", 1)):
        with workspace.kept_folder(*ids) as folder:
            assert folder is None


def test_asking_for_a_folder_that_is_gone_leaves_nothing(models: Models) -> None:
    with models.workspace.kept_folder("s1", "highs.a", 1) as folder:
        assert folder is None
    assert not models.workspace.cache.exists()


def test_the_manifests_of_the_last_few_models_are_asked_for_once(models: Models) -> None:
    counting = Counting(models.blobs)
    models.workspace.blobs = cast("BlobStore", counting)
    snapshots = [models.add(str(number)) for number in range(KEPT_MANIFESTS + 1)]
    for snapshot, manifest in [*snapshots, *reversed(snapshots[1:])]:
        assert models.workspace.manifest(snapshot) == manifest
    assert counting.opened == [snapshot for snapshot, _ in snapshots]
    models.workspace.manifest(snapshots[0][0])
    assert len(counting.opened) == KEPT_MANIFESTS + 2


def test_a_folder_that_eviction_removes_before_its_lock_is_opened_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, make = tmp_path / "runs" / "s" / ".r.1.lock", Path.mkdir
    made: list[Path] = []

    def make_and_lose(path: Path, *words: bool, **options: bool) -> None:
        make(path, *words, **options)
        if path == lock.parent and not made:
            made.append(path)
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", make_and_lose)
    with opened(lock):
        assert lock.exists()
