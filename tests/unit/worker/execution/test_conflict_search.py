from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

import msgspec
import pytest

from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.states import StopReason
from times_doctor_tasks.state_store.run_store import Fence
from times_doctor_tasks.testing.documents import make_run_spec, make_scan_spec
from times_doctor_worker.engines.port import CONFLICT
from times_doctor_worker.execution.conflict_search import search_conflict
from times_doctor_worker.execution.run_reporter import Line
from times_doctor_worker.process.solver_process import Ended, SolverProcess

FOUND = '{"outcome": "conflict"}'


class Search:
    """A search that writes its answer, or goes on until it is killed."""

    pid = os.getpid()

    def __init__(self, folder: Path, answer: str) -> None:
        self.begun = 0
        self.killed = 0
        self._folder, self._answer = folder, answer

    def spawn(self) -> SolverProcess:
        self.begun += 1
        return cast(SolverProcess, self)

    def wait(self, timeout_s: float | None = None) -> Ended | None:  # the process's shape
        if self._answer:
            (self._folder / CONFLICT).write_text(self._answer)
        return Ended(0, 0.0, None, None, "") if self._answer or self.killed > 1 else None

    def kill(self) -> None:
        self.killed += 1

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "highs.dual.1"
    made.mkdir()
    return made


def make_line(iis_s: float = 60.0) -> Line:
    run = msgspec.structs.replace(make_run_spec(), iis_s=iis_s)
    return Line(make_scan_spec(runs=(run.run,)), run, Fence(1, "token"))


def search(search: Search, line: Line, folder: Path, *, ending: bool = False) -> bool:
    return search_conflict(search.spawn, line, folder, runtime_s=1.0, is_worker_ending=lambda: ending)


def test_an_answer_is_kept(folder: Path) -> None:
    assert search(Search(folder, FOUND), make_line(), folder)
    assert (folder / CONFLICT).read_text() == FOUND


def test_a_search_beyond_its_time_is_killed_until_it_is_gone(folder: Path) -> None:
    endless = Search(folder, "")
    assert search(endless, make_line(iis_s=0.0), folder)
    assert endless.killed == 2
    assert json.loads((folder / CONFLICT).read_text()) == {"outcome": "unproved", "limit_s": 0.0}


def test_a_search_that_dies_before_its_time_is_not_said_to_have_used_it(folder: Path) -> None:
    dead = Search(folder, "")
    dead.killed = 2
    assert search(dead, make_line(), folder)
    assert json.loads((folder / CONFLICT).read_text()) == {"outcome": "unproved"}


@pytest.mark.parametrize("who", ["user", "another host", "shutdown"])
def test_who_wants_it_ended_need_not_wait(folder: Path, who: str) -> None:
    line, endless = make_line(), Search(folder, "")
    line.stop = StopRequest(StopReason.USER) if who == "user" else None
    line.disowned = who == "another host"
    assert not search(endless, line, folder, ending=who == "shutdown")
    assert endless.killed
    assert not (folder / CONFLICT).exists()


def test_runs_of_one_scan_search_once(folder: Path) -> None:
    other = folder.with_name("highs.bar.1")
    other.mkdir()
    (other / CONFLICT).write_text(FOUND)
    untouched = Search(folder, "")
    assert search(untouched, make_line(), folder)
    assert (untouched.begun, (folder / CONFLICT).read_text()) == (0, FOUND)


def test_a_search_that_cannot_begin_leaves_the_run_as_it_is(folder: Path) -> None:
    def broken() -> SolverProcess:
        raise OSError(12, "no memory")

    assert not search_conflict(broken, make_line(), folder, runtime_s=0.0, is_worker_ending=lambda: False)


def test_a_search_ends_when_another_run_of_the_scan_has_found_it(folder: Path) -> None:
    other, endless = folder.with_name("highs.bar.1"), Search(folder, "")
    other.mkdir()

    def spawn() -> SolverProcess:
        (other / CONFLICT).write_text(FOUND)
        return endless.spawn()

    assert search_conflict(spawn, make_line(), folder, runtime_s=0.0, is_worker_ending=lambda: False)
    assert (endless.killed, (folder / CONFLICT).read_text()) == (2, FOUND)


@pytest.mark.parametrize("answer", ['{"outcome": "unproved"}', '{"outcome": "conf', ""])
def test_what_another_run_could_not_prove_ends_no_search(folder: Path, answer: str) -> None:
    other = folder.with_name("highs.bar.1")
    other.mkdir()
    (other / CONFLICT).write_text(answer)
    own = Search(folder, FOUND)
    assert search(own, make_line(), folder)
    assert (own.begun, own.killed, (folder / CONFLICT).read_text()) == (1, 0, FOUND)
