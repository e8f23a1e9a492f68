"""Hand-written manifests and blobs against one real worker: each costs its own run, and no memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
import pytest

from tests.attacks.manifests import MANIFESTS
from tests.attacks.test_floods import MOST_MB, peak_mb
from tests.integration.workers import Broker, Team, Worker, point_at
from times_doctor_tasks.blob_store.chunk_codec import BlobHead, chunk_digest, encode_head, pack
from times_doctor_tasks.blob_store.content import CHUNK_BYTES
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.celery_app.canvas import enqueue, keeping_messages
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Team, Worker]]:
    team = Team(tmp_path_factory.mktemp("manifests"), Broker())
    yield team, team.worker("h1", TIMES_DOCTOR_STORE_URL="redis")
    team.close()
    team.broker.close()


def submit(team: Team, snapshot: str) -> ScanSpec:
    """A scan of two runs whose model is `snapshot`, whatever is behind it."""
    sound = team.submit({"x": ""}, queue="nobody")
    scan = f"{sound.scan}m"
    runs = [
        msgspec.structs.replace(
            run, scan=scan, run=f"highs.{name}", profile=name, index=index, queue="solve.highs.highs"
        )
        for run in team.store.runs(sound)
        for index, name in enumerate("ab")
    ]
    model = msgspec.structs.replace(sound.model, snapshot=snapshot)
    spec = msgspec.structs.replace(sound, scan=scan, model=model, runs=tuple(run.run for run in runs))
    team.store.submit(spec, runs)
    point_at(team.broker.url, team.broker.prefix)
    with keeping_messages(team.store):
        enqueue(spec, runs)
    return spec


def costs_its_runs_only(team: Team, worker: Worker, spec: ScanSpec) -> None:
    for run in team.report(spec).runs:
        assert run.state is RunState.FAILED
        assert 10 < len(run.sentence) < 2_100
        assert "times-doctor itself failed" not in run.sentence
    assert not worker.has_said("defect")
    assert not worker.has_said("engine_out")
    assert peak_mb(worker) < MOST_MB


@pytest.mark.sample
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_of_somebody_costs_its_runs_only(attacked: tuple[Team, Worker], name: str) -> None:
    team, worker = attacked
    content = MANIFESTS[name]
    snapshot = hashlib.sha256(content).hexdigest()
    open_store("redis", broker_url=team.broker.url, prefix=team.broker.prefix).put({snapshot: content})
    costs_its_runs_only(team, worker, submit(team, snapshot))


_BOMB = pack(bytes(CHUNK_BYTES))
_DIGEST = chunk_digest(bytes(CHUNK_BYTES))
HEADS: dict[str, bytes] = {
    "no head": b"x",
    "a head too deep": b'{"x":' + b"[" * 200_000,
    "a head of 60 MB": b'{"size_bytes":1,"chunks":[]' + b" " * 60_000_000 + b"}",
    "one chunk a thousand times": encode_head(BlobHead(1000 * CHUNK_BYTES, ((_DIGEST, len(_BOMB)),) * 1000)),
    "as many chunks as there may be": encode_head(BlobHead(100_000 * CHUNK_BYTES, ((_DIGEST, len(_BOMB)),) * 100_000)),
    "more chunks than its size": encode_head(BlobHead(1, ((_DIGEST, len(_BOMB)),) * 1000)),
    "a negative size": encode_head(BlobHead(-(10**15), ())),
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("chunk", ["bomb", "huge", "list"])
def test_a_blob_of_somebody_costs_its_runs_only(attacked: tuple[Team, Worker], name: str, chunk: str) -> None:
    team, worker = attacked
    client, keys = team.store.client, team.store.keys
    snapshot = hashlib.sha256(f"{name} {chunk}".encode()).hexdigest()
    client.set(keys.blob(snapshot), HEADS[name])
    key = keys.blob_chunk(snapshot, _DIGEST)
    if chunk == "list":
        client.rpush(key, "x")
    else:
        client.set(key, _BOMB if chunk == "bomb" else bytes(100_000_000))
    costs_its_runs_only(team, worker, submit(team, snapshot))
    client.delete(key, keys.blob(snapshot))
