from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import pytest

from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.messages import RunResult, ScanSpec
from times_doctor_tasks.state_store.run_store import Fence, RunStore
from times_doctor_worker.execution.result_spool import Spool

FENCE = Fence(2, "token")
MakeResult = Callable[..., RunResult]


class Server:
    """What the spool asks of Redis."""

    def __init__(self, spec: ScanSpec) -> None:
        self.run_id = "first"
        self.specs = {spec.scan: spec}
        self.reported: set[str] = set()
        self.wanted = True
        self.finished: list[tuple[str, Fence]] = []

    def server_run(self) -> str:
        return self.run_id

    def is_reported(self, scan: str) -> bool:
        return scan in self.reported

    def scan(self, scan: str) -> ScanSpec | None:
        return self.specs.get(scan)

    def finish(self, spec: ScanSpec, result: RunResult, fence: Fence) -> bool:
        self.finished.append((result.run, fence))
        return self.wanted


@pytest.fixture
def server(make_scan_spec: Callable[..., ScanSpec]) -> Server:
    return Server(make_scan_spec())


def spool_of(folder: Path, server: Server) -> Spool:
    return Spool(folder / "spool", cast(RunStore, server))


def test_a_result_is_offered_by_the_next_worker_until_the_server_has_it(
    tmp_path: Path, server: Server, make_result: MakeResult
) -> None:
    spool_of(tmp_path, server).put(make_result("dual"), FENCE)

    spool = spool_of(tmp_path, server)
    spool.offer()
    spool.offer()

    assert server.finished == [("cplex.dual", FENCE)]
    assert len(spool) == 1


def test_a_result_that_was_taken_is_offered_again_to_another_start_of_the_server(
    tmp_path: Path, server: Server, make_result: MakeResult
) -> None:
    spool = spool_of(tmp_path, server)
    spool.offer()
    result = make_result("dual")
    spool.put(result, FENCE)
    spool.taken(result, FENCE)
    spool.offer()
    assert server.finished == []

    server.run_id = "second"
    spool.offer()
    spool.offer()

    assert server.finished == [("cplex.dual", FENCE)]


@pytest.mark.parametrize("ending", ["reported", "refused", "unknown"])
def test_a_result_is_dropped_when_nobody_needs_it_any_more(
    tmp_path: Path, server: Server, make_result: MakeResult, ending: str
) -> None:
    spool = spool_of(tmp_path, server)
    result = make_result("dual")
    spool.put(result, FENCE)
    if ending == "reported":
        server.reported.add(result.scan)
    elif ending == "refused":
        server.wanted = False
    else:
        server.specs.clear()

    spool.offer()

    assert len(spool) == 0
    assert list((tmp_path / "spool").iterdir()) == []


def test_files_of_the_spool_are_private_and_a_broken_one_is_left_out(
    tmp_path: Path, server: Server, make_result: MakeResult, caplog: pytest.LogCaptureFixture
) -> None:
    spool_of(tmp_path, server).put(make_result("dual"), FENCE)
    (path,) = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.with_name("broken.json").write_text("{")

    assert len(spool_of(tmp_path, server)) == 1
    assert "broken.json cannot be read" in caplog.text


def test_a_disk_that_is_full_costs_the_copy_and_not_the_result(
    tmp_path: Path, server: Server, make_result: MakeResult, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").write_text("a file where a folder has to be")
    spool = spool_of(tmp_path, server)

    spool.put(make_result("dual"), FENCE)

    assert "not spooled" in caplog.text
    spool.offer()
    assert server.finished == [("cplex.dual", FENCE)]


def test_a_scan_that_cannot_be_read_blocks_no_other_result(
    tmp_path: Path, server: Server, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_of(tmp_path, server)
    unread = msgspec.structs.replace(make_result("dual"), scan="another")
    spool.put(unread, FENCE)
    spool.put(make_result("primal"), FENCE)
    asked = []

    def scan(name: str) -> ScanSpec | None:
        asked.append(name)
        if name == "another":
            raise SchemaMismatch("A ScanSpec document cannot be read: major 9.")
        return server.specs.get(name)

    monkeypatch.setattr(server, "scan", scan)
    spool.offer()
    spool.offer()
    assert server.finished == [("cplex.primal", FENCE)]
    assert asked.count("another") == 1
    assert len(spool_of(tmp_path, server)) == 2
