from __future__ import annotations

from itertools import product

import pytest

from times_doctor_tasks.contract.states import (
    CONCLUSIVE,
    OWNED,
    SOLVED,
    TERMINAL,
    TRANSITIONS,
    UNSUCCESSFUL,
    WAITING,
    RunState,
    Verdict,
)


def test_every_state_is_waiting_owned_or_terminal_and_only_one_of_them() -> None:
    assert {*WAITING, *OWNED, *TERMINAL} == set(RunState)
    assert len(WAITING) + len(OWNED) + len(TERMINAL) == len(RunState)


def test_every_state_has_a_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(RunState)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nothing_follows_a_terminal_state(state: RunState) -> None:
    assert not TRANSITIONS[state]


@pytest.mark.parametrize("state", sorted(set(RunState) - TERMINAL))
def test_every_live_state_can_be_cancelled_and_lost(state: RunState) -> None:
    assert RunState.CANCELLED in TRANSITIONS[state]
    assert RunState.LOST in TRANSITIONS[state]


@pytest.mark.parametrize("state", sorted(OWNED))
def test_every_owned_state_can_be_handed_back_and_claimed_anew(state: RunState) -> None:
    assert RunState.QUEUED in TRANSITIONS[state]
    assert RunState.CLAIMED in TRANSITIONS[state]


def test_no_waiting_state_jumps_into_the_middle_of_the_work() -> None:
    jumps = product(WAITING, OWNED - {RunState.CLAIMED})
    assert not [pair for pair in jumps if pair[1] in TRANSITIONS[pair[0]]]


def test_done_is_the_only_successful_end() -> None:
    assert {RunState.DONE} == TERMINAL - UNSUCCESSFUL


def test_a_solved_run_and_a_conclusive_one_share_only_the_optimum() -> None:
    assert {Verdict.OPTIMAL} == SOLVED & CONCLUSIVE
