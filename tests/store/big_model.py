"""A model of 300 MB in 2,000 files through every store: `make test-store`. Not collected by `make test-all`."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server
from times_doctor_cli.client.upload import upload
from times_doctor_cli.run_folder.snapshot import Snapshot
from times_doctor_tasks.blob_store.base import BlobStore
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.snapshot.manifest import Manifest, StagedFile
from times_doctor_tasks.snapshot.staging import remove_staged, stage
from times_doctor_tasks.state_store.connection import connect

FILES = 2_000
FILE_BYTES = 150_000
MOVED_AGAIN = 0.01

#: What a second upload moves: for a server what it received, for a folder what was written.
Meter = Callable[[], int]

pytestmark = pytest.mark.timeout(300)


def data_lines(size: int) -> bytes:
    """Lines as VEDA writes them into .dd files: names that repeat, numbers that do not."""
    some, lines = random.Random(7), []
    for _ in range(size // 40 + 1):
        region, year, process = some.randrange(9), 2010 + 5 * some.randrange(9), some.randrange(3000)
        value = some.random() * 100
        lines.append(f"'REG{region}'.'{year}'.'PRC{process:05d}'.'COM{process // 7:04d}' {value:.6f}\n")
    return "".join(lines).encode()


def make_model(folder: Path, content: str) -> Snapshot:
    base, staged, blobs = data_lines(4_000_000), [], {}
    for number in range(FILES):
        path = folder / f"f{number:04d}.dd"
        first = number * 1_777
        path.write_bytes(os.urandom(FILE_BYTES) if content == "noise" else base[first : first + FILE_BYTES])
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        staged.append(StagedFile(path=f"model/{path.name}", size_bytes=FILE_BYTES, sha256=sha256))
        blobs[sha256] = path
    return Snapshot(Manifest(driver=staged[0].path, files=tuple(staged)), dict(blobs))


@pytest.fixture(scope="module", params=["lines", "noise"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Snapshot]:
    return request.param, make_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(params=["redis", "file"])
def measured(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[tuple[str, BlobStore, Meter]]:
    if request.param == "file":
        root = tmp_path / "blobs"
        store = open_store(root.as_uri())
        yield "file", store, lambda: sum(blob.stored_bytes for blob in store.stored())
        return
    client: Any = connect(server.url)
    store = open_store(server.url, prefix="big")
    yield "redis", store, lambda: int(client.info("stats")["total_net_input_bytes"])
    store.drop(store.stored())
    store.close()
    client.close()


def test_a_large_model_goes_there_and_back_and_hardly_moves_again(
    measured: tuple[str, BlobStore, Meter],
    model: tuple[str, Snapshot],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (kind, store, moved_bytes), (content, snapshot) = measured, model
    size_bytes = FILES * FILE_BYTES
    spans = []

    def timed(call: Callable[[], object]) -> int:
        start_s, before = time.perf_counter(), moved_bytes()
        call()
        spans.append(time.perf_counter() - start_s)
        return moved_bytes() - before

    first = timed(lambda: upload(snapshot, store))
    again = timed(lambda: upload(snapshot, store))
    names = [file.sha256 for file in snapshot.manifest.files]
    timed(lambda: stage(snapshot.manifest, store.opener(names), tmp_path / "staged"))
    remove_staged(tmp_path / "staged")
    with capsys.disabled():
        print(  # noqa: T201  # what this test is for
            f"\n{kind:5} {content}: {size_bytes / 1e6:.0f} MB in {FILES:,} files: sent in {spans[0]:.2f} s "
            f"({size_bytes / 1e6 / spans[0]:.0f} MB/s, {first / 1e6:.0f} MB moved); again {spans[1]:.3f} s "
            f"({again / 1e6:.2f} MB, {again / size_bytes:.2%}); staged in {spans[2]:.2f} s "
            f"({size_bytes / 1e6 / spans[2]:.0f} MB/s)"
        )
    assert again < MOVED_AGAIN * size_bytes
