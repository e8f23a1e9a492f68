"""The three enums of a run: its state, why it was stopped, how its solve ended.

They are independent: a run stopped by a time limit is `done` (state) because of `timeout` (stop reason) with verdict
`limit`, and keeps its objective.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RunState(StrEnum):
    """Where a run is in its life."""

    PENDING = "pending"
    """Chain only: its predecessor has not ended."""
    QUEUED = "queued"
    """Its message is in a queue, or on its way there."""
    PARKED = "parked"
    """A host saw it but has no room; `reason` says what is missing. It holds no slot."""
    CLAIMED = "claimed"
    """A host owns it (a fence exists) and has not begun to copy inputs."""
    STAGING = "staging"
    """Its host brings the model into place."""
    RUNNING = "running"
    """The engine (GAMS or HiGHS) runs."""
    COLLECTING = "collecting"
    """The engine has ended; its files are read and saved."""
    DONE = "done"
    """It ended with an answer from the solver, whatever that answer was: see its verdict."""
    FAILED = "failed"
    """It ended without an answer from the solver."""
    CANCELLED = "cancelled"
    """It was stopped, or never started, because a user asked or another run won the race."""
    LOST = "lost"
    """Its attempts ended with their host gone. One that took several workers with it has `failed`."""


#: A host works on it.
OWNED = frozenset({RunState.CLAIMED, RunState.STAGING, RunState.RUNNING, RunState.COLLECTING})
#: Nothing more will happen to it.
TERMINAL = frozenset({RunState.DONE, RunState.FAILED, RunState.CANCELLED, RunState.LOST})
#: It waits for a host to take it.
WAITING = frozenset({RunState.PENDING, RunState.QUEUED, RunState.PARKED})
#: It ended, and not with an answer.
UNSUCCESSFUL = TERMINAL - {RunState.DONE}

_HAND_BACK = frozenset({RunState.QUEUED})

#: The one table of allowed changes. Lua gets it too (see `scripts.py`), so a check and its write are one step.
TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    RunState.PENDING: frozenset({RunState.QUEUED, RunState.CLAIMED, RunState.CANCELLED, RunState.LOST}),
    RunState.QUEUED: frozenset({RunState.PARKED, RunState.CLAIMED, RunState.CANCELLED, RunState.LOST, RunState.FAILED}),
    RunState.PARKED: frozenset({RunState.QUEUED, RunState.CLAIMED, RunState.CANCELLED, RunState.LOST}),
    RunState.CLAIMED: frozenset({RunState.STAGING, RunState.RUNNING, RunState.CLAIMED}) | _HAND_BACK | TERMINAL,
    RunState.STAGING: frozenset({RunState.RUNNING, RunState.CLAIMED}) | _HAND_BACK | TERMINAL,
    RunState.RUNNING: frozenset({RunState.COLLECTING, RunState.CLAIMED}) | _HAND_BACK | TERMINAL,
    RunState.COLLECTING: frozenset({RunState.CLAIMED}) | _HAND_BACK | TERMINAL,
    RunState.DONE: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.LOST: frozenset(),
}


class StopReason(StrEnum):
    """Why we stopped a run."""

    USER = "user"
    """A user cancelled it."""
    TIMEOUT = "timeout"
    """It reached its time limit (`--timeout-seconds`)."""
    BEATEN = "beaten"
    """Another run of a race proved optimal first."""
    CAPPED = "capped"
    """It took longer than `--cap` times the best finished run."""
    OUT_OF_MEMORY = "out_of_memory"
    """Its host ran out of memory, or its own memory limit was reached."""
    LOG_TOO_LARGE = "log_too_large"
    """Its log, listing or output outgrew what its host allows (`TIMES_DOCTOR_LOG_MAX_MB`)."""
    HOST_LOST = "host_lost"
    """Its host, or the connection to it, went away."""
    SHUTDOWN = "shutdown"
    """Its worker was asked to stop; the run goes back to the queue."""


#: Stopped on purpose by the scan itself: not a failure (exit code 0 stays possible).
PLANNED_STOPS = frozenset({StopReason.BEATEN, StopReason.CAPPED})


class Verdict(StrEnum):
    """How a solve ended, from the solver status first, then the model status.

    The order matters: a TIMES run that hit its time limit reports model status 19 "Infeasible - No Solution"
    with solver status 3 "Resource Interrupt": it is `limit`, nothing was proved infeasible.
    """

    OPTIMAL = "optimal"
    """Proved optimal (for a MIP: within its gap tolerance)."""
    FEASIBLE = "feasible"
    """A solution without proof of optimality."""
    INFEASIBLE = "infeasible"
    """Proved infeasible, or "unbounded or infeasible"."""
    UNBOUNDED = "unbounded"
    """Proved unbounded."""
    LIMIT = "limit"
    """A time, iteration, node or memory limit of the solver ended it."""
    INTERRUPTED = "interrupted"
    """It was stopped from outside, and kept its result so far."""
    NOT_APPLIED = "not_applied"
    """It solved, but not with this profile (other solver, option file not read, options ignored)."""
    LICENCE = "licence"
    """No valid licence, or the model exceeds what the licence allows."""
    COMPILE_ERROR = "compile_error"
    """GAMS could not compile the model."""
    EXECUTION_ERROR = "execution_error"
    """GAMS stopped while executing the model, outside of a solve."""
    SOLVER_FAILURE = "solver_failure"
    """The solver, or GAMS itself, broke down."""
    NO_SOLVE = "no_solve"
    """The model ran to its end and never solved anything."""


#: Verdicts that carry a solution whose objective may be compared.
SOLVED = frozenset({Verdict.OPTIMAL, Verdict.FEASIBLE})
#: Verdicts that say something about the model which every profile should agree on.
CONCLUSIVE = frozenset({Verdict.OPTIMAL, Verdict.INFEASIBLE, Verdict.UNBOUNDED})


class ScanMode(StrEnum):
    """The order of a scan's runs."""

    CHAIN = "chain"
    """One after the other."""
    CHORD = "chord"
    """At once, as far as there are slots."""
