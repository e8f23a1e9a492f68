"""A run's memory: detects that it used more than its limit, or that it ran out of memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

#: How far a run may exceed the memory that it asked for before it is stopped: that is only an estimate.
TOLERANCE = 1.2
#: Bytes at the end of a log that are searched for a complaint about memory.
TAIL_BYTES = 64 * 1024
#: GAMS: "Out of memory" (return codes, GAMS user's guide); a shell's and our own word for SIGKILL.
_RETURN_CODES = frozenset({10, 137, -9})
#: SIGKILL again, and GAMS's code when it has lost gamscmex (400, of which a process keeps eight bits).
_KILLED = frozenset({137, -9, 144})
#: GAMS's solver status "System Failure", also for a solver that vanished: GAMS itself then ends with return code 0.
_SYSTEM_FAILURE = 13
_SAID = re.compile(
    rb"out of memory|insufficient memory|not enough memory|cannot allocate|bad_alloc|CPLEX Error\s+1001", re.IGNORECASE
)


def limit_bytes(mem_mb: int | None) -> float:
    """Memory that a run's process tree may take; infinite if the run did not say what it needs."""
    return mem_mb * TOLERANCE * (1 << 20) if mem_mb else float("inf")


def said_so(returncode: int | None, logs: Iterable[Path]) -> bool:
    """Whether an engine that we did not stop reports that it ran out of memory."""
    return returncode in _RETURN_CODES and any(_SAID.search(_tail(path)) for path in logs)


def seems_killed(returncode: int | None, solver_status: int | None) -> bool:
    """Whether the engine, or a process that it started, ended as if the kernel had killed it.

    Args:
        solver_status: GAMS's, of its last solve; None where there was none.
    """
    return returncode in _KILLED or solver_status == _SYSTEM_FAILURE


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return log.read(TAIL_BYTES)
    except OSError:
        return b""
