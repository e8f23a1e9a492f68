from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from tests.unit.cli.scans import T0_MS, barrier, dual_simplex, make_board, make_result
from times_doctor_cli.live.plain_screen import PlainScreen
from times_doctor_cli.scan_state.board import Board
from times_doctor_tasks.contract.messages import AnyEvent, Noted, ProgressMade, StateChanged
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, Verdict


class Log:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        self.board: Board = make_board()
        self._file = io.StringIO()
        self.screen = PlainScreen(self.board, Console(file=self._file, width=40, color_system=None))

    def tell(self, event: AnyEvent, at_s: float) -> None:
        at_ms = T0_MS + round(at_s * 1000)
        if self.board.apply(event, at_ms=at_ms):
            self.screen.took(at_ms, event)

    def look(self, look: Progress, at_s: float, run: str = "cplex.dual") -> None:
        self.tell(ProgressMade(run=run, attempt=1, progress=look, runtime_s=at_s), at_s)

    def move(self, state: RunState, at_s: float, **fields: object) -> None:
        self.tell(StateChanged(run="cplex.dual", attempt=1, state=state, **fields), at_s)  # type: ignore[arg-type]

    @property
    def lines(self) -> list[str]:
        return self._file.getvalue().splitlines()

    @property
    def words(self) -> list[str]:
        return [line.split(" ", 1)[1] for line in self.lines]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(monkeypatch)


def test_each_change_of_state_is_one_line_with_its_time(log: Log) -> None:
    log.move(RunState.CLAIMED, 1, host="h1")
    log.move(RunState.RUNNING, 2, host="h1")
    log.move(RunState.DONE, 12, host="h1", verdict=Verdict.OPTIMAL)

    assert log.lines == [
        "22:13:21 cplex.dual claimed on h1",
        "22:13:22 cplex.dual running on h1",
        "22:13:32 cplex.dual done optimal, 10.0 s",
    ]


def test_result_gives_the_exact_objective(log: Log) -> None:
    log.board.settle(make_result("cplex.dual"), at_ms=T0_MS)
    log.screen.took(T0_MS, StateChanged(run="cplex.dual", attempt=1, state=RunState.DONE))

    assert log.words == ["cplex.dual done optimal, objective 6407967.45621011, 12.3 s"]


def test_a_failure_is_one_named_line(log: Log) -> None:
    log.move(RunState.FAILED, 1, verdict=Verdict.COMPILE_ERROR, reason="demo_[x].dd(31): unknown symbol " + "x" * 90)

    assert log.words == ["error: cplex.dual: demo_[x].dd(31): unknown symbol " + "x" * 90]


def test_a_failure_told_before_still_ends_with_a_line(log: Log) -> None:
    log.tell(Noted(run="cplex.dual", attempt=1, text="unknown symbol", level="error"), 1)
    log.move(RunState.FAILED, 2, verdict=Verdict.COMPILE_ERROR)

    assert log.words == ["error: cplex.dual: unknown symbol", "cplex.dual failed compile error"]


def test_progress_without_fraction_comes_every_ten_seconds(log: Log) -> None:
    log.move(RunState.RUNNING, 0, host="h1")
    for at_s in range(1, 32):
        log.look(dual_simplex(), at_s)

    assert log.words[1:] == [f"cplex.dual simplex dual obj 6.408e6 1,240 it/s, {at_s} s" for at_s in (10, 20, 30)]


def test_progress_with_fraction_comes_every_tenth_but_not_more_than_once_a_second(log: Log) -> None:
    log.move(RunState.RUNNING, 0, host="h1")
    for tick in range(1, 41):
        log.look(barrier(tick / 50), tick / 10)

    assert log.words[1:] == [f"cplex.dual barrier {2 * n}%, {n // 10} s" for n in (10, 20, 30, 40)]


def test_many_short_solves_do_not_flood_the_log(log: Log) -> None:
    log.move(RunState.RUNNING, 0, host="h1")
    for at_s in range(1, 10):
        log.look(Progress(phase=Phase.BARRIER, solve=at_s, fraction=at_s / 9), at_s)

    assert len(log.words[1:]) <= 1


def test_silence_is_broken_after_a_minute(log: Log) -> None:
    log.move(RunState.RUNNING, 0, host="h1")
    for at_s in range(0, 130, 5):
        log.screen.refresh(T0_MS + at_s * 1000, None)

    assert log.words[1:] == ["DemoS_007: 0/3 done, 1:00, 1 running", "DemoS_007: 0/3 done, 2:00, 1 running"]


def test_no_frames_and_no_control_codes(log: Log) -> None:
    log.move(RunState.PARKED, 0, host="h1", reason="no licence seat\x1b[2J")
    log.screen.close(T0_MS + 61_000)

    assert log.words == [
        "cplex.dual parked: no licence seat?[2J",
        "DemoS_007: 0/3 done, 1:01, 1 parked: no licence seat\x1b[2J".replace("\x1b", "?"),
    ]
