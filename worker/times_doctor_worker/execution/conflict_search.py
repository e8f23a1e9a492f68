"""The search for rows of an infeasible model that contradict each other: after the solve, in its slot, for seconds.

It never changes the run's verdict; it only adds names.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from times_doctor_tasks.config.atomic_file import write_durably
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.messages import ProgressMade
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_worker.engines.port import CONFLICT
from times_doctor_worker.execution.memory_limit import limit_bytes
from times_doctor_worker.execution.run_reporter import Line
from times_doctor_worker.process.process_usage import TreeMeter
from times_doctor_worker.process.solver_process import SolverProcess

logger = logging.getLogger(__name__)

#: Seconds between looks at the search, and at requests to stop it.
LOOK_S = 0.2
#: Seconds from one SIGKILL to the next.
KILL_S = 5.0


class _Proof(msgspec.Struct):
    """An answer that stands for all runs of the model: one that ran out of time proves nothing."""

    outcome: Literal["conflict", "feasible"]


def search_conflict(
    spawn: Callable[[], SolverProcess],
    line: Line,
    folder: Path,
    *,
    runtime_s: float,
    is_worker_ending: Callable[[], bool],
) -> bool:
    """Searches, or copies the answer of another run of the scan; true if `folder` has an answer now.

    Args:
        spawn: Starts the search in `folder`.
        runtime_s: Seconds that the solve took; the run's clock continues from there.
    """
    start_s = monotonic_s()
    try:
        if not _taken_over(folder):
            with spawn() as process:
                is_asked_to_stop = _watch(process, line, folder, runtime_s, is_worker_ending)
            answer = folder / CONFLICT
            if not answer.is_file() and not is_asked_to_stop:
                limit = {"limit_s": line.run.iis_s} if monotonic_s() - start_s > line.run.iis_s else {}
                write_durably(answer, json.dumps({"outcome": "unproved"} | limit).encode())
        return (folder / CONFLICT).is_file()
    except OSError as error:
        logger.warning("no search for a conflict: %s", error, extra={"action": "no_conflict_search", **line.ids()})
        return False


def _taken_over(folder: Path) -> bool:
    """True if another run of the scan has found out: all have the same model, so the same answer."""
    for path in folder.parent.glob(f"*/{CONFLICT}"):
        with contextlib.suppress(OSError, msgspec.DecodeError):
            content = path.read_bytes()
            msgspec.json.decode(content, type=_Proof)
            write_durably(folder / CONFLICT, content)
            return True
    return False


def _watch(
    process: SolverProcess, line: Line, folder: Path, runtime_s: float, is_worker_ending: Callable[[], bool]
) -> bool:
    """Returns when the search is over or hit its limits; true if somebody asked it to stop."""
    start_s, meter, most_bytes = monotonic_s(), TreeMeter(process.pid), limit_bytes(line.run.mem_mb)
    while process.wait(LOOK_S) is None:
        passed_s = monotonic_s() - start_s
        progress = Progress(phase=Phase.CONFLICT, detail="which rows conflict")
        line.show(
            ProgressMade(
                run=line.run.run,
                attempt=line.fence.attempt,
                progress=progress,
                runtime_s=round(runtime_s + passed_s, 3),
            )
        )
        is_known = _taken_over(folder)
        is_asked_to_stop = line.disowned or line.stop is not None or is_worker_ending()
        is_beyond = passed_s > line.run.iis_s or meter.sample().rss_bytes > most_bytes
        if is_asked_to_stop or is_known or is_beyond:
            process.kill()
            while process.wait(KILL_S) is None:
                process.kill()
            return is_asked_to_stop
    return False
