from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from times_doctor_worker.execution.stop_policy import StagedStop, StopAction, StopTimes

INTERRUPT, TERMINATE, KILL = StopAction.INTERRUPT, StopAction.TERMINATE, StopAction.KILL


@dataclass
class Solver:
    """A solver's life in steps of a second: what it writes and burns, and what is done to it."""

    stop: StagedStop
    now_s: float = 1000.0
    log_bytes: int = 500
    cpu_s: float = 20.0
    dies_by_kill: bool = True
    done: list[tuple[float, StopAction]] = field(default_factory=list)

    def live(self, span_s: int, *, writes: int = 0, burns: float = 0.0, is_solving: bool = False) -> None:
        for _ in range(span_s):
            if self.dies_by_kill and self.done and self.done[-1][1] is KILL:
                return
            self.now_s += 1
            self.log_bytes += writes
            self.cpu_s += burns
            action = self.stop.step(self.now_s, log_bytes=self.log_bytes, cpu_s=self.cpu_s, is_solving=is_solving)
            if action is not None:
                self.done.append((self.now_s - 1000, action))


@pytest.fixture
def solver() -> Solver:
    return Solver(StagedStop())


def test_nobody_asked_so_nothing_is_done(solver: Solver) -> None:
    solver.live(5000)

    assert solver.done == []
    assert not solver.stop.is_asked


def test_silence_after_the_interrupt_ends_in_term_after_the_grace_and_in_kill(solver: Solver) -> None:
    solver.live(10, writes=80, burns=1)
    solver.stop.ask()
    solver.live(100)

    assert solver.done == [(11, INTERRUPT), (71, TERMINATE), (76, KILL)]
    assert solver.stop.is_asked


def test_silence_from_before_the_interrupt_does_not_shorten_the_grace(solver: Solver) -> None:
    solver.live(500)
    solver.stop.ask()
    solver.live(60)

    assert solver.done == [(501, INTERRUPT)]


def test_a_model_that_writes_its_reports_is_left_to_it_until_the_cap(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(1000, writes=10)

    assert solver.done == [(1, INTERRUPT), (901, TERMINATE), (906, KILL)]


def test_cpu_time_alone_counts_as_work(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(800, burns=0.5)
    solver.live(100)

    assert [action for _, action in solver.done[:2]] == [INTERRUPT, TERMINATE]
    # The last work is seen at the end of its window of five seconds.
    assert solver.done[1][0] == pytest.approx(800 + 60, abs=5)


def test_a_process_that_only_polls_counts_as_idle(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(100, burns=0.004)

    assert solver.done[1][1] is TERMINATE
    assert solver.done[1][0] <= 66


def test_a_child_that_ends_counts_as_work_though_cpu_time_falls(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(50)
    solver.cpu_s -= 15
    solver.live(59)

    assert solver.done == [(1, INTERRUPT)]


def test_a_stop_in_a_hurry_gives_two_seconds(solver: Solver) -> None:
    solver.stop.ask(now=True)
    solver.live(20, writes=10, burns=1)

    assert solver.done == [(1, INTERRUPT), (3, TERMINATE), (8, KILL)]


def test_hurry_may_come_after_a_gentle_stop(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(30, writes=10)
    solver.stop.ask(now=True)
    solver.live(20, writes=10)

    assert solver.done == [(1, INTERRUPT), (31, TERMINATE), (36, KILL)]


def test_asking_gently_after_hurry_changes_nothing(solver: Solver) -> None:
    solver.stop.ask(now=True)
    solver.stop.ask()
    solver.live(20)

    assert [action for _, action in solver.done] == [INTERRUPT, TERMINATE, KILL]


def test_asked_again_a_second_interrupt_waits_for_ten_seconds(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(3, writes=10)
    solver.stop.ask()
    solver.live(30, writes=10)

    assert solver.done == [(1, INTERRUPT), (11, INTERRUPT)]


def test_a_solver_that_goes_on_writing_did_not_hear_and_is_told_again(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(25, writes=10, is_solving=True)

    assert solver.done == [(1, INTERRUPT), (11, INTERRUPT), (21, INTERRUPT)]


def test_a_solver_in_a_long_iteration_is_not_told_again(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(50, burns=1, is_solving=True)

    assert solver.done == [(1, INTERRUPT)]


def test_repeated_interrupts_do_not_move_the_cap(solver: Solver) -> None:
    solver.stop.ask()
    solver.live(1000, writes=10, is_solving=True)

    assert [entry for entry in solver.done if entry[1] is not INTERRUPT] == [(901, TERMINATE), (906, KILL)]


def test_the_times_are_those_that_were_given() -> None:
    solver = Solver(StagedStop(StopTimes(grace_s=10, stop_cap_s=30, kill_after_s=2)))
    solver.stop.ask()
    solver.live(40)

    assert solver.done == [(1, INTERRUPT), (11, TERMINATE), (13, KILL)]


def test_whoever_survives_a_kill_is_killed_again() -> None:
    solver = Solver(StagedStop(), dies_by_kill=False)
    solver.stop.ask(now=True)
    solver.live(20)

    assert solver.done == [(1, INTERRUPT), (3, TERMINATE), (8, KILL), (13, KILL), (18, KILL)]


def test_every_action_is_the_name_of_what_a_solver_process_can_do() -> None:
    from times_doctor_worker.process.solver_process import SolverProcess

    assert all(callable(getattr(SolverProcess, action)) for action in StopAction)
