"""Files of a run that go to the store for the client; of huge files only the beginning and the end."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from times_doctor_tasks.blob_store.base import BlobStore
from times_doctor_tasks.blob_store.content import Content
from times_doctor_tasks.blob_store.errors import StoreFull, StoreUnreachable
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import StoreFailed
from times_doctor_tasks.contract.messages import Artefact
from times_doctor_tasks.results.long_files import ends

logger = logging.getLogger(__name__)

#: Larger files keep only their two ends.
MAX_BYTES = 50 * 1024 * 1024
#: Bytes kept of each end of a larger file.
END_BYTES = 5 * 1024 * 1024
#: Files larger than this are sent one at a time: they are in memory while they are sent.
TOGETHER_BYTES = 64 * 1024 * 1024
#: Seconds to wait for a store that does not answer, and between two tries.
PATIENCE_S = 60.0
PAUSE_S = 1.0


def drop_odd_files(folder: Path) -> None:
    """Removes what an engine left that is neither file nor folder.

    A link could show the client any file that this worker may read, and a pipe would be waited for.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
                Path(entry.path).unlink()


def keep_artefacts(store: BlobStore, paths: Sequence[Path]) -> list[Artefact]:
    """Puts the files into the store, all in one round trip.

    If they do not all fit, one at a time, smallest first, so that a full store keeps the most useful ones. Refused
    files are left out with a warning: hours of solving must not fail because space is short.
    """
    smallest_first = sorted(paths, key=lambda path: path.stat().st_size)
    if sum(min(path.stat().st_size, MAX_BYTES) for path in paths) <= TOGETHER_BYTES:
        try:
            return _keep(store, smallest_first)
        except StoreFull:
            logger.info("not all files fit into the store", extra={"action": "artefacts_too_large"})
        except StoreFailed as error:
            logger.warning("files not kept: %s", error, extra={"action": "artefacts_not_kept"})
            return []
    kept = []
    for path in smallest_first:
        try:
            kept += _keep(store, [path])
        except StoreFailed as error:
            logger.warning("%s and larger files not kept: %s", path.name, error, extra={"action": "artefacts_not_kept"})
            break
    return kept


def _keep(store: BlobStore, paths: Sequence[Path]) -> list[Artefact]:
    contents: dict[str, Content] = {}
    artefacts = []
    for path in paths:
        size_bytes = path.stat().st_size
        # A copy of its bytes: a process may still write to the file.
        content = ends(path, whole_bytes=MAX_BYTES, end_bytes=END_BYTES)
        name = hashlib.sha256(content).hexdigest()
        contents[name] = content
        artefacts.append(Artefact(name=path.name, sha256=name, size_bytes=size_bytes, kept_bytes=len(content)))
    _put(store, contents)
    return artefacts


def _put(store: BlobStore, contents: Mapping[str, Content]) -> None:
    deadline_s = monotonic_s() + PATIENCE_S
    while True:
        try:
            store.put(contents)
            return
        except StoreUnreachable:
            if monotonic_s() > deadline_s:
                raise
            time.sleep(PAUSE_S)
