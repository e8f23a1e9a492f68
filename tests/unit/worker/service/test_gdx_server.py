from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import fakeredis
import pytest
import redis

from times_doctor_tasks.blob_store.base import Sent, Usage
from times_doctor_tasks.blob_store.errors import StoreFull, StoreUnreachable
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.state_store.gdx_requests import GdxAnswer, GdxRequests, GdxState, Refusal, SendGdx
from times_doctor_worker.service import gdx_server
from times_doctor_worker.service.gdx_server import GdxDesk
from times_doctor_worker.workspace.eviction import prune
from times_doctor_worker.workspace.locks import lock_beside
from times_doctor_worker.workspace.workspace import Workspace

CONTENT = b"a whole GDX file " * 1000
NAME = hashlib.sha256(CONTENT).hexdigest()


class Host:
    """A desk, and what its clients say to it."""

    def __init__(self, folder: Path, store: FileBlobs) -> None:
        self.cache = folder / "cache"
        self.server = fakeredis.FakeRedis()
        self.store = store
        self.requests = GdxRequests(self.server, Keys("td"))
        self.is_ending = False
        self.pauses = 0
        workspace = Workspace(self.cache, store, markers=folder / "markers")
        self.desk = GdxDesk(self.requests, workspace, store, "h1", is_ending=lambda: self.is_ending, pause=self._pause)

    def _pause(self, _: float) -> None:
        self.pauses += 1

    def keep(self, content: bytes = CONTENT, run: str = "cplex.dual") -> Path:
        folder = self.cache / "runs" / "s1" / f"{run}.1"
        folder.mkdir(parents=True)
        lock_beside(folder).touch()
        (folder / "run.gdx").write_bytes(content)
        return folder

    def ask(self, ask: str = "a1", **fields: object) -> SendGdx:
        plain: dict[str, object] = {"ask": ask, "scan": "s1", "run": "cplex.dual", "attempt": 1}
        request = SendGdx(**(plain | fields))  # type: ignore[arg-type]
        self.requests.ask("h1", request)
        return request

    def answer(self, ask: str = "a1") -> GdxAnswer:
        answer = self.requests.answer(ask)
        assert answer is not None
        return answer

    def served(self, **fields: object) -> GdxAnswer:
        self.ask(**fields)  # type: ignore[arg-type]
        self.desk.look()
        return self.answer()


class StoreOf(FileBlobs):
    """A store whose `put` is a test's."""

    def __init__(self, root: Path, put: Callable[..., Sent]) -> None:
        super().__init__(root)
        self._put = put

    def put(self, blobs, on_sent: OnSent | None = None) -> Sent:  # type: ignore[no-untyped-def]
        return self._put(super().put, blobs, on_sent)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, FileBlobs(tmp_path / "store"))


@pytest.fixture(autouse=True)
def every_word_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gdx_server, "LOOK_S", 0.0)


def test_a_gdx_comes_whole_into_the_store_under_its_hash(host: Host) -> None:
    host.keep()
    answer = host.served()
    assert (answer.state, answer.sha256, answer.size_bytes, answer.was_there) == (
        GdxState.SENT,
        NAME,
        len(CONTENT),
        False,
    )
    with host.store.open(answer.sha256) as content:
        assert content.read() == CONTENT


def test_a_second_request_sends_nothing_and_says_that_it_was_there(host: Host) -> None:
    host.keep()
    host.served()
    host.ask("a2")
    host.desk.look()
    assert (host.answer("a2").state, host.answer("a2").was_there) == (GdxState.SENT, True)


def test_all_that_is_asked_is_served_and_nothing_twice(host: Host) -> None:
    host.keep()
    host.keep(b"other", run="cplex.bar")
    host.ask("a1")
    host.ask("a2", run="cplex.bar")
    host.desk.look()
    first = [host.answer(ask) for ask in ("a1", "a2")]
    assert {answer.state for answer in first} == {GdxState.SENT}
    host.desk.look()
    assert [host.answer(ask) for ask in ("a1", "a2")] == first


def test_a_folder_that_was_pruned_is_said_and_leaves_nothing_behind(host: Host) -> None:
    host.keep()
    prune(host.cache, limit_bytes=0)
    assert host.served().refusal == Refusal.GONE
    assert list((host.cache / "runs").iterdir()) == []


def test_a_run_without_a_gdx_is_said(host: Host) -> None:
    (host.keep() / "run.gdx").unlink()
    assert host.served().refusal == Refusal.NONE


def test_links_lead_nowhere(host: Host, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "run.gdx").write_bytes(b"secret")
    folder = host.keep()
    (folder / "run.gdx").unlink()
    (folder / "run.gdx").symlink_to(secret / "run.gdx")
    assert host.served().refusal == Refusal.NONE
    linked = host.cache / "runs" / "s1" / "cplex.bar.1"
    linked.symlink_to(secret)
    lock_beside(linked).touch()
    host.ask("a2", run="cplex.bar")
    host.desk.look()
    assert host.answer("a2").refusal == Refusal.GONE


def test_one_that_is_larger_than_allowed_stays_and_its_size_is_told(host: Host) -> None:
    host.keep()
    answer = host.served(max_bytes=len(CONTENT) - 1)
    assert (answer.refusal, answer.size_bytes) == (Refusal.TOO_LARGE, len(CONTENT))
    host.ask("a2", max_bytes=len(CONTENT))
    host.desk.look()
    assert host.answer("a2").state is GdxState.SENT


def test_a_request_of_another_version_is_answered_with_which_side_to_upgrade(host: Host) -> None:
    host.server.zadd("td:asked:h1", {b'{"schema":2,"ask":"a1","files":"all"}': 1e15})
    host.desk.look()
    answer = host.answer()
    assert answer.refusal == Refusal.MISUNDERSTOOD
    assert "another version" in answer.words


def test_what_names_no_request_is_left_alone(host: Host) -> None:
    host.server.zadd("td:asked:h1", {b"rubbish": 1e15})
    host.desk.look()
    assert host.server.keys("td:answer:*") == []


def test_a_full_store_is_said_in_its_own_words(tmp_path: Path) -> None:
    def put(*_: object) -> Sent:
        raise StoreFull("redis://b", 3_000_000, 1_000_000, "quota", "1 file takes", "wait")

    host = Host(tmp_path, StoreOf(tmp_path / "store", put))
    host.keep()
    answer = host.served()
    assert answer.refusal == Refusal.STORE
    assert "is full: 1 file takes 3.0 MB, free are 1.0 MB (quota)" in answer.words


def test_what_could_never_fit_is_not_begun(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gdx_server, "WORTH_A_LOOK_BYTES", 1)
    monkeypatch.setattr(FileBlobs, "usage", lambda self: Usage(1000, len(CONTENT) - 1001, "quota 1.0 MB"))
    host.keep()
    answer = host.served()
    assert (answer.refusal, host.store.stored()) == (Refusal.STORE, [])
    assert "or copy the file from there" in answer.words
    monkeypatch.setattr(FileBlobs, "usage", lambda self: Usage(1000, len(CONTENT) - 1000, "quota 1.0 MB"))
    host.ask("a2")
    host.desk.look()
    assert host.answer("a2").state is GdxState.SENT


def test_a_store_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    tries = []

    def put(real: Callable[..., Sent], *args: object) -> Sent:
        tries.append(args)
        if len(tries) < 3:
            raise StoreUnreachable("redis://b", "connection refused")
        return real(*args)

    host = Host(tmp_path, StoreOf(tmp_path / "store", put))
    host.keep()
    assert (host.served().state, host.pauses) == (GdxState.SENT, 2)


def test_nobody_prunes_a_folder_while_it_is_read(tmp_path: Path) -> None:
    seen = []

    def put(real: Callable[..., Sent], *args: object) -> Sent:
        seen.append(prune(tmp_path / "cache", limit_bytes=0))
        return real(*args)

    host = Host(tmp_path, StoreOf(tmp_path / "store", put))
    folder = host.keep()
    assert (host.served().state, seen, folder.is_dir()) == (GdxState.SENT, [0], True)
    fd = os.open(lock_beside(folder), os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


def test_who_waits_behind_another_is_told_so(tmp_path: Path) -> None:
    def put(real: Callable[..., Sent], blobs: dict[str, Path], on_sent: OnSent) -> Sent:
        on_sent(1, len(CONTENT))
        states.append({ask: host.requests.answer(ask) for ask in ("a1", "a2")})
        return real(blobs, on_sent)

    states: list[dict[str, GdxAnswer | None]] = []
    host = Host(tmp_path, StoreOf(tmp_path / "store", put))
    host.keep()
    host.ask("a1")
    host.ask("a2")
    host.desk.look()
    first = states[0]
    assert {answer.state for answer in first.values() if answer} == {GdxState.WAITING, GdxState.SENDING}


@pytest.mark.parametrize("why", ["client left", "worker ends"])
def test_what_nobody_waits_for_is_not_sent(tmp_path: Path, why: str) -> None:
    def put(real: Callable[..., Sent], blobs: dict[str, Path], on_sent: OnSent) -> Sent:
        if why == "client left":
            host.requests.withdraw("h1", request)
        else:
            host.is_ending = True
        return real(blobs, on_sent)

    host = Host(tmp_path, StoreOf(tmp_path / "store", put))
    host.keep()
    request = host.ask()
    host.desk.look()
    assert not host.answer().is_final
    if why == "worker ends":  # its successor begins again
        again = Host(tmp_path, FileBlobs(tmp_path / "store"))
        again.server, again.requests = host.server, host.requests
        GdxDesk(
            host.requests,
            Workspace(host.cache, again.store, markers=tmp_path),
            again.store,
            "h1",
            is_ending=lambda: False,
            pause=lambda _: None,
        ).look()
        assert host.answer().state is GdxState.SENT


def test_a_file_that_cannot_be_read_is_said(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise PermissionError(13, "Permission denied")

    host.keep()
    monkeypatch.setattr(GdxDesk, "_hash", refuse)
    answer = host.served()
    assert answer.refusal == Refusal.UNREADABLE
    assert "Permission denied" in answer.words


def raising(error: Exception) -> Callable[..., None]:
    def fails(*_: object) -> None:
        raise error

    return fails


@pytest.mark.parametrize("error", [redis.ConnectionError("connection refused"), ValueError("a defect")])
def test_a_desk_that_cannot_look_waits_before_it_tries_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    host.keep()
    host.ask()
    host.desk.attend()
    assert (host.answer().state, host.pauses) == (GdxState.SENT, 0)

    monkeypatch.setattr(GdxRequests, "open", raising(error))
    with pytest.raises(type(error)):
        host.desk.attend()
    assert host.pauses == 1
