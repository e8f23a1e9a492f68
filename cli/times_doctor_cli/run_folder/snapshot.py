"""Makes a snapshot of a run folder: the manifest, and the content of each blob."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.gams.rewrites import rewritten_content
from times_doctor_cli.run_folder.hash_cache import FileChanged, FileUnreadable, HashCache, stamp_of
from times_doctor_cli.run_folder.model import InputFile, Rewrite, RunDir
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.snapshot.manifest import Manifest, RewrittenPlace, StagedFile, check_manifest


class Snapshot(msgspec.Struct, frozen=True):
    """A manifest and its blobs."""

    manifest: Manifest
    blobs: dict[str, Path | bytes]
    """sha256 -> the file with this content, or the content itself if lines were rewritten."""


def take_snapshot(run: RunDir, cache: HashCache, on_read: OnSent | None = None) -> Snapshot:
    """Hash the inputs of a run folder and write its manifest; `on_read` gets the progress of reading.

    Raises:
        FileChanged: a file changed while it was read, or since then.
        FileUnreadable: a file was removed or may not be read.
    """
    inputs = [*run.inputs, *([run.restart] if run.restart else [])]
    rewrites: dict[str, list[Rewrite]] = defaultdict(list)
    for rewrite in run.rewrites:
        rewrites[rewrite.name].append(rewrite)
    plain = [file.path for file in inputs if file.name not in rewrites]
    hashes = cache.hash_files(plain, on_read=on_read)
    staged: list[StagedFile] = []
    blobs: dict[str, Path | bytes] = {}
    for file in inputs:
        if file.name in rewrites:
            content = _rewritten(file, rewrites[file.name])
            sha256, size_bytes = hashlib.sha256(content).hexdigest(), len(content)
            blobs[sha256] = content
        else:
            sha256, size_bytes = hashes[file.path].sha256, hashes[file.path].size_bytes
            blobs.setdefault(sha256, file.path)
        staged.append(StagedFile(path=file.name, size_bytes=size_bytes, sha256=sha256))
    _require_unchanged(inputs)
    manifest = Manifest(
        driver=next(file.name for file in inputs if file.path == run.driver),
        files=tuple(sorted(staged, key=lambda file: file.path)),
        kind=run.kind.value,
        idirs=tuple(idir.name for idir in run.idirs),
        parameters=tuple((parameter.name, parameter.value) for parameter in run.parameters),
        restart=run.restart.name if run.restart else None,
        gdxpath=run.gdxpath,
        rewritten=tuple(RewrittenPlace(path=r.name, line=r.line, before=r.before, after=r.after) for r in run.rewrites),
    )
    check_manifest(manifest)
    return Snapshot(manifest, blobs)


def _require_unchanged(inputs: Sequence[InputFile]) -> None:
    """After all is read: no file may be older than another, nor newer than what its text was understood as."""
    for file in inputs:
        try:
            is_same = stamp_of(file.path) == file.stamp
        except OSError as exc:
            raise FileUnreadable(str(file.path), exc.strerror or str(exc)) from exc
        if not is_same:
            raise FileChanged(str(file.path))


def _rewritten(file: InputFile, rewrites: list[Rewrite]) -> bytes:
    try:
        content = rewritten_content(file.path.read_bytes(), rewrites)
    except OSError as exc:
        raise FileUnreadable(str(file.path), exc.strerror or str(exc)) from exc
    if content is None:
        raise FileChanged(str(file.path))
    return content
