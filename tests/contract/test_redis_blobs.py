from __future__ import annotations

import hashlib
import os
import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server, wait_until
from tests.integration.conftest import make_result, make_runs, make_scan
from times_doctor_tasks.blob_store.base import BLOB_TTL_S, PART_TTL_S
from times_doctor_tasks.blob_store.chunk_codec import pack
from times_doctor_tasks.blob_store.content import CHUNK_BYTES, Content
from times_doctor_tasks.blob_store.errors import BlobGone, StoreFull, Unwanted
from times_doctor_tasks.blob_store.pruning import prune_blobs
from times_doctor_tasks.blob_store.redis_store import RedisBlobs
from times_doctor_tasks.contract.errors import StoreFailed
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import Owned, Room, RunStore

MB = 1_000_000


def named(*contents: bytes) -> dict[str, Content]:
    return {hashlib.sha256(content).hexdigest(): content for content in contents}


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


class Bench:
    """One server, one prefix."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.prefix = f"t{uuid.uuid4().hex[:8]}"
        self.keys = Keys(self.prefix)
        self.client: Any = connect(server.url)
        self.opened: list[RedisBlobs] = []

    def open(self, **options: Any) -> RedisBlobs:
        self.opened.append(RedisBlobs(self.url, prefix=self.prefix, **options))
        return self.opened[-1]

    def all_keys(self) -> list[bytes]:
        return list(self.client.scan_iter(f"{self.prefix}:*", count=1000))

    def close(self) -> None:
        for store in self.opened:
            store.close()
        self.client.close()


@pytest.fixture
def bench(server: Server) -> Iterator[Bench]:
    bench = Bench(server)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def small_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def small(small_server: Server) -> Iterator[Bench]:
    bench = Bench(small_server)
    bench.client.config_set("maxmemory", "64mb")
    bench.client.config_set("maxmemory-policy", "noeviction")
    yield bench
    bench.client.flushall()  # the server is this module's own
    bench.close()


def test_every_key_expires_and_no_value_is_larger_than_a_megabyte(bench: Bench) -> None:
    bench.open().put(named(noise(5 * CHUNK_BYTES), b"small", b""))
    for key in bench.all_keys():
        assert (BLOB_TTL_S - 60) * 1000 < bench.client.pttl(key) <= BLOB_TTL_S * 1000
        if bench.client.type(key) == b"string":
            assert bench.client.strlen(key) <= 1 << 20


def test_a_long_head_that_is_read_ahead_of_a_blob_that_is_gone_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = noise(3 * CHUNK_BYTES)
    blobs = named(b"small", large)
    first, second = blobs
    store = bench.open()
    store.put(blobs)
    bench.client.delete(bench.keys.blob(first))
    monkeypatch.setattr("times_doctor_tasks.blob_store.redis_download.AHEAD_HEAD_BYTES", 100)
    fetch = store.opener([first, second])
    with pytest.raises(BlobGone):
        fetch(first)
    with fetch(second) as content:
        assert content.read() == large


def test_what_shrinks_travels_shrunk(bench: Bench) -> None:
    lines = b"".join(b"'REG1'.'%d'.'PRC%05d' %.3f\n" % (2010 + n % 9, n, n / 7) for n in range(40_000))
    sent = bench.open().put(named(lines))
    assert sent.moved_bytes < sent.size_bytes / 3
    assert bench.open().usage().used_bytes < sent.size_bytes / 3


def test_a_large_blob_goes_on_where_its_upload_broke_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    content = noise(20 * CHUNK_BYTES)
    (name,) = blobs = named(content)
    store = bench.open()
    with monkeypatch.context() as patch:
        patch.setattr("times_doctor_tasks.blob_store.redis_upload.chunks_of", lambda *_: broken_off(content))
        with pytest.raises(ConnectionResetError):
            store.put(blobs)
    left = [key for key in bench.all_keys() if bench.client.type(key) == b"string"]
    assert len(left) >= 8
    assert all(0 < bench.client.pttl(key) <= PART_TTL_S * 1000 for key in left)
    assert store.missing([name]) == {name}
    sent = store.put(blobs)
    assert sent.moved_bytes < (20 - len(left) + 1) * CHUNK_BYTES
    assert store.usage().used_bytes == pytest.approx(len(content), rel=0.01)


def broken_off(content: bytes) -> Iterator[bytes]:
    for first in range(0, 17 * CHUNK_BYTES, CHUNK_BYTES):
        yield content[first : first + CHUNK_BYTES]
    raise ConnectionResetError


def test_leftovers_and_unused_blobs_expire_and_give_their_room_back(bench: Bench) -> None:
    store, lasting = bench.open(ttl_s=0.3, quota_bytes=2 * MB), bench.open()
    lasting.put(named(b"stays"))
    before = store.usage().used_bytes
    assert store.put(named(noise(MB), noise(1000))).moved_bytes > MB
    wait_until(lambda: store.usage().used_bytes == before, what="the room is back")
    assert len(bench.all_keys()) == 4
    store.put(named(noise(2 * MB - 10_000, seed=1)))


def test_what_is_dropped_leaves_nothing_but_an_empty_account(bench: Bench) -> None:
    store = bench.open()
    store.put(named(b"content", noise(3 * CHUNK_BYTES)))
    assert store.drop(store.stored())[0] == 2
    assert bench.all_keys() == [bench.keys.blob_bytes().encode()]
    assert bench.client.hgetall(bench.keys.blob_bytes()) == {b"used": b"0"}


def test_a_client_with_a_shorter_life_for_blobs_shortens_none(bench: Bench) -> None:
    blobs = named(b"content", noise(3 * CHUNK_BYTES))
    bench.open().put(blobs)
    assert bench.open(ttl_s=5).put(blobs).blobs == 0
    assert all(bench.client.pttl(key) > 86_400_000 for key in bench.all_keys())
    assert bench.client.zrange(bench.keys.blobs(), 0, 0, withscores=True)[0][1] > (time.time() + 86_400) * 1000


def test_a_blob_that_lost_a_chunk_is_missing_and_is_sent_again(bench: Bench) -> None:
    store = bench.open()
    (name,) = blobs = named(noise(3 * CHUNK_BYTES))
    store.put(blobs)
    bench.client.delete(next(bench.client.scan_iter(f"{bench.keys.blob(name)}:*")))
    with pytest.raises(BlobGone):
        store.open(name)
    assert store.missing([name]) == {name}
    assert store.put(blobs).moved_bytes < 2 * CHUNK_BYTES
    assert store.open(name).read() == blobs[name]


def test_a_blob_becomes_whole_only_with_every_chunk_and_its_chunks_live_as_long_as_it(bench: Bench) -> None:
    scripts = bench.open()._scripts
    name, here, gone = "a" * 64, "b" * 32, "c" * 32
    bench.client.set(bench.keys.blob_chunk(name, here), b"frame", px=9_000)
    ((_, *incomplete),) = scripts.together([scripts.commit([(name, b"head", [here, gone])])])
    assert incomplete == [name.encode()]
    assert not bench.client.exists(bench.keys.blob(name))
    ((_, *incomplete),) = scripts.together([scripts.commit([(name, b"head", [here])])])
    assert incomplete == []
    ttls = [bench.client.pttl(key) for key in (bench.keys.blob(name), bench.keys.blob_chunk(name, here))]
    assert min(ttls) > (PART_TTL_S - 60) * 1000


def test_clients_together_stay_within_the_quota(bench: Bench) -> None:
    quota_bytes = 5 * MB
    stores = [bench.open(quota_bytes=quota_bytes) for _ in range(6)]

    def put(number: int) -> bool:
        try:
            stores[number].put(named(noise(MB, seed=number), noise(MB, seed=number + 100)))
        except StoreFull:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(put, range(6)))
    values = [key for key in bench.all_keys() if bench.client.type(key) == b"string"]
    stored_bytes = sum(bench.client.strlen(key) for key in values)
    used_bytes = stores[0].usage().used_bytes
    assert 0 < sum(done) <= 2
    assert stored_bytes <= used_bytes <= quota_bytes
    assert used_bytes == pytest.approx(2 * MB * sum(done), rel=0.01)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_refused_upload_leaves_what_another_client_came_to_use_meanwhile(bench: Bench, tmp_path: Path) -> None:
    small = named(*(b"%d" % n for n in range(300)))  # more than a batch: most are in when the pipe is read
    used = list(small)[:100]
    pipe, content = tmp_path / "pipe", noise(MB)
    os.mkfifo(pipe)
    tight, other = bench.open(quota_bytes=500_000), bench.open()
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(tight.put, small | {next(iter(named(content))): pipe})
        with pipe.open("wb") as rest:
            wait_until(lambda: not other.missing(used), what="the small blobs are there")
            rest.write(content)
        with pytest.raises(StoreFull):
            upload.result()
    assert other.missing(small) == set(small) - set(used)
    assert other.usage().used_bytes == sum(blob.stored_bytes for blob in other.stored())


def test_the_accounts_are_mended_when_they_or_blobs_were_lost(bench: Bench) -> None:
    store = bench.open()
    blobs = named(noise(1000), noise(2000), noise(3000))
    store.put(blobs)
    used_bytes = store.usage().used_bytes
    bench.client.delete(bench.keys.blobs(), bench.keys.blob_bytes())
    assert store.missing(blobs) == set()
    assert store.usage().used_bytes == pytest.approx(used_bytes, abs=2000)
    bench.client.delete(*bench.client.scan_iter(f"{bench.keys.blob(next(iter(blobs)))}*"))
    bench.client.hincrby(bench.keys.blob_bytes(), "used", 12_345)
    prune_blobs(store)
    assert len(store.stored()) == 2
    assert bench.client.hlen(bench.keys.blob_bytes()) == 3
    assert store.usage().used_bytes == sum(blob.stored_bytes for blob in store.stored())


def test_a_head_that_cannot_be_read_is_as_if_it_were_not_there(bench: Bench) -> None:
    (name,) = blobs = named(b"content")
    store = bench.open()
    store.put(blobs)
    bench.client.set(bench.keys.blob(name), b"[1, 2", keepttl=True)
    assert store.missing([name]) == {name}
    store.put(blobs)
    assert store.open(name).read() == b"content"


def test_a_frame_that_claims_more_than_a_chunk_is_refused(bench: Bench) -> None:

    (name,) = blobs = named(b"x" * 1000)
    store = bench.open()
    store.put(blobs)
    (key,) = bench.client.scan_iter(f"{bench.keys.blob(name)}:*")
    bench.client.set(key, pack(bytes(200 << 20)), keepttl=True)
    with store.open(name) as content, pytest.raises(StoreFailed, match="damaged"):
        content.read()


def test_a_second_look_at_a_model_moves_little(bench: Bench) -> None:
    store = bench.open()
    blobs = named(*(noise(3000, seed) for seed in range(500)))
    store.put(blobs)
    before = input_bytes(bench)
    store.put(blobs)
    assert input_bytes(bench) - before < 0.45 * 1_500_000 / 3  # 3 kB files; a model's are fifty times as large


def input_bytes(bench: Bench) -> int:
    return int(bench.client.info("stats")["total_net_input_bytes"])


def test_a_servers_mark_expires_when_nobody_asks_for_it_any_more_and_is_not_its_neighbours(bench: Bench) -> None:
    mark, key = bench.open().identity(), bench.keys.blob_store()
    bench.client.expire(key, 10)
    assert bench.open().identity() == mark
    assert bench.client.ttl(key) > 86_400
    neighbour = RedisBlobs(bench.url, prefix=f"{bench.prefix}x")
    assert neighbour.identity() != mark
    neighbour.close()


@pytest.mark.parametrize("amount", [1, 12])
def test_blobs_that_fit_a_batch_travel_in_three_round_trips_and_come_back_in_two(bench: Bench, amount: int) -> None:
    store, blobs = bench.open(), named(*(noise(20_000, seed) for seed in range(amount)))
    store.put(named(b"connected, and the scripts are known"))
    with counted_round_trips(store) as sending:
        store.put(blobs)
    with counted_round_trips(store) as again:
        store.put(blobs)
    with counted_round_trips(store) as fetching:
        open_blob = store.opener(list(blobs))
        assert all(open_blob(name).read() == content for name, content in blobs.items())
    assert (len(sending), len(again), len(fetching)) == (3, 2, 2)


@contextmanager
def counted_round_trips(store: RedisBlobs) -> Iterator[list[int]]:
    """Each time that something was sent to the server: an entry."""
    sent: list[int] = []
    (connection,) = store._client.connection_pool._available_connections
    send = connection.send_packed_command

    def count(command: Any, *args: Any, **kwargs: Any) -> None:
        sent.append(1)
        send(command, *args, **kwargs)

    connection.send_packed_command = count
    try:
        yield sent
    finally:
        connection.send_packed_command = send


def test_scripts_that_the_server_forgot_are_told_again(bench: Bench) -> None:
    store = bench.open()
    for content in (b"one", b"two"):
        bench.client.script_flush()
        store.put(named(content))
        assert store.missing(named(content)) == set()


def test_a_full_store_refuses_with_words_while_beats_and_finishes_go_on(small: Bench) -> None:
    store = small.open()
    store.put(named(*(noise(MB, seed) for seed in range(15))))
    with Scanning(small) as scanning:
        for seed in range(20, 30):
            with pytest.raises(StoreFull, match=r"quota of 16\.\d MB.*TIMES_DOCTOR_STORE_QUOTA_MB"):
                store.put(named(noise(3 * MB, seed)))
    assert scanning.finished > 10


def test_no_quota_lets_uploads_take_what_beats_and_finishes_need(small: Bench) -> None:
    stores = [small.open(quota_bytes=1 << 40) for _ in range(3)]

    def fill(store: RedisBlobs) -> str:
        for _ in range(100):
            try:
                store.put(named(os.urandom(MB), os.urandom(2 * MB)))
            except StoreFull as error:
                return str(error)
        return "it never was full"

    with Scanning(small) as scanning, ThreadPoolExecutor(3) as pool:
        refusals = list(pool.map(fill, stores))
    assert all("a tenth of the server's maxmemory" in words and "more maxmemory" in words for words in refusals)
    assert scanning.finished > 10
    assert 50 * MB < small.client.info("memory")["used_memory"] < 64 << 20


class Scanning:
    """Runs that are claimed, beat and finish in another thread; the first error of the server ends it."""

    def __init__(self, bench: Bench) -> None:
        self.client = connect(bench.url)
        self.runs = RunStore(self.client, bench.prefix)
        self.spec = make_scan(runs=tuple(f"cplex.p{n}" for n in range(500)))
        self.finished = 0
        self.stop = threading.Event()
        self.pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Scanning:
        self.runs.submit(self.spec, make_runs(self.spec))
        self.work = self.pool.submit(self._run)
        return self

    def __exit__(self, *_: object) -> None:
        wait_until(lambda: self.finished > 10 or self.work.done(), what="runs finish")
        self.stop.set()
        self.work.result()
        self.pool.shutdown()
        self.client.close()

    def _run(self) -> None:
        room = Room(1, 1)
        for run in make_runs(self.spec):
            if self.stop.is_set():
                return
            claim = self.runs.claim(self.spec, run, host="h", token="t", need=room, free=room)
            assert isinstance(claim, Owned)
            assert self.runs.beat(self.spec, run.run, claim.fence, state=RunState.CLAIMED).ours
            assert self.runs.finish(self.spec, make_result(self.spec, run.run), claim.fence)
            self.finished += 1


def test_a_server_that_others_filled_is_refused_with_words(small: Bench) -> None:
    store = small.open()
    kept = named(b"kept")
    store.put(kept)
    for n in range(50):
        small.client.set(f"{small.prefix}:filler:{n}", noise(CHUNK_BYTES))
    with pytest.raises(StoreFull, match="more maxmemory"):
        store.put(named(noise(10 * MB)))
    small.client.config_set("maxmemory", "40mb")
    with pytest.raises(StoreFull, match=r"free are 0\.0 kB"):
        store.put(named(noise(100)))
    assert store.usage().room_bytes == 0
    assert store.missing(kept) == set()
    assert prune_blobs(store, unused_s=-3600).blobs == 1


def test_a_store_of_its_own_takes_user_and_password_and_never_shows_them(small: Bench) -> None:
    small.client.execute_command(
        "ACL", "SETUSER", "modeller", "on", ">pa/ss:word", f"~{small.prefix}:*", "+@all", "-@admin"
    )
    path = small.url.removeprefix("redis+socket://")
    good = RedisBlobs(f"redis+socket://modeller:pa%2Fss%3Aword@{path}", prefix=small.prefix)
    wrong = RedisBlobs(f"redis+socket://modeller:not-the-word@{path}", prefix=small.prefix)
    elsewhere = RedisBlobs(f"redis+socket://modeller:pa%2Fss%3Aword@{path}", prefix="other")
    good.put(named(b"mine"))
    for store, what in ((wrong, "refuses us"), (elsewhere, "ermission")):
        with pytest.raises(StoreFailed, match=what) as caught:
            store.put(named(b"mine"))
        assert "word" not in str(caught.value).replace("password", "").replace("user and", "")
        assert "modeller:***@" in store.where
    for store in (good, wrong, elsewhere):
        store.close()


@pytest.mark.parametrize("is_wanted", [False, True])
def test_an_upload_that_nobody_wants_any_more_gives_its_room_back(bench: Bench, is_wanted: bool) -> None:
    store = bench.open()
    there = named(b"before")
    store.put(there)
    used_bytes = store.usage().used_bytes
    told: list[int] = []

    def on_sent(done_bytes: int, _: int) -> None:
        told.append(done_bytes)
        if len(told) == 2:
            raise ConnectionError if is_wanted else Unwanted

    with pytest.raises(ConnectionError if is_wanted else Unwanted):
        store.put(named(noise(30 * MB)), on_sent)
    assert told[1] >= 16 * MB
    # What broke off otherwise can be taken up again.
    assert (store.usage().used_bytes > used_bytes) is is_wanted
    assert store.missing(there) == set()
