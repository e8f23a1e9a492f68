"""The snapshot of a model: a manifest, and where the content of each of its blobs is."""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from times_doctor_cli.hashing import HashCache
from times_doctor_cli.look.model import Rewrite, RunDir
from times_doctor_tasks.blobs import BlobStore
from times_doctor_tasks.manifest import Manifest, RewrittenPlace, StagedFile, check_manifest, encode_manifest


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is sent: the manifest's name is its sha256."""

    name: str
    manifest: Manifest
    sources: Mapping[str, Path | bytes]
    """sha256 -> the file, or the bytes of a staged copy that differs from its file."""


def take_snapshot(run_dir: RunDir, cache: HashCache) -> Snapshot:
    """Hashes the inputs of a run folder.

    Raises:
        UsageError: a file changed while it was read, or its name cannot stand in a snapshot.
    """
    rewrites: dict[str, list[Rewrite]] = defaultdict(list)
    for rewrite in run_dir.rewrites:
        rewrites[rewrite.name].append(rewrite)
    hashes = cache.hash_files([file.path for file in run_dir.inputs if file.name not in rewrites])
    sources: dict[str, Path | bytes] = {}
    staged: dict[str, StagedFile] = {}
    for file in run_dir.inputs:
        if file.name in rewrites:
            content = rewritten(file.path.read_bytes(), rewrites[file.name])
            sha256, size_bytes = hashlib.sha256(content).hexdigest(), len(content)
            sources[sha256] = content
        else:
            sha256, size_bytes = hashes[file.path].sha256, hashes[file.path].size_bytes
            sources[sha256] = file.path
        staged[file.name] = StagedFile(path=file.name, size_bytes=size_bytes, sha256=sha256)
    manifest = _manifest(run_dir, [staged[name] for name in sorted(staged)])
    check_manifest(manifest)
    blob = encode_manifest(manifest)
    name = hashlib.sha256(blob).hexdigest()
    return Snapshot(name, manifest, {**sources, name: blob})


def rewritten(content: bytes, rewrites: Sequence[Rewrite]) -> bytes:
    """The staged copy of a file: its bytes, but for the places named.

    >>> rewritten(b"a\\r\\n$include x\\\\y.dd\\r\\n", [Rewrite("r", 2, "x\\\\y.dd", "x/y.dd")])
    b'a\\r\\n$include x/y.dd\\r\\n'
    """
    lines = content.split(b"\n")
    for place in rewrites:
        line = lines[place.line - 1]
        lines[place.line - 1] = line.replace(place.before.encode("latin-1"), place.after.encode("latin-1"), 1)
    return b"\n".join(lines)


def upload(snapshot: Snapshot, store: BlobStore) -> int:
    """Sends what the store lacks, the manifest last; returns how many bytes were sent."""
    sent_bytes = 0
    missing = store.missing(snapshot.sources)
    for name in sorted(missing, key=lambda name: name == snapshot.name):
        with _open(snapshot.sources[name]) as content:
            store.put(name, content)
            sent_bytes += content.tell()
    return sent_bytes


def _open(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _manifest(run_dir: RunDir, files: Sequence[StagedFile]) -> Manifest:
    return Manifest(
        driver=run_dir.inputs[0].name,
        files=tuple(files),
        kind=run_dir.kind.value,
        idirs=tuple(folder.name for folder in run_dir.idirs),
        parameters=tuple((f"--{p.name}" if p.double_dash else p.name, p.value) for p in run_dir.parameters),
        restart=run_dir.restart.name if run_dir.restart else None,
        gdxpath=run_dir.gdxpath,
        rewritten=tuple(
            RewrittenPlace(path=place.name, line=place.line, before=place.before, after=place.after)
            for place in run_dir.rewrites
        ),
    )
