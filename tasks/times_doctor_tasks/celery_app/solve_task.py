"""The task of one run. It never raises: errors are in the run's document, so that a chord always completes."""

from __future__ import annotations

import logging
from typing import Any

from celery.exceptions import Ignore

from times_doctor_tasks.celery_app import ports
from times_doctor_tasks.celery_app.app import app
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.messages import SolveTask, from_task

logger = logging.getLogger(__name__)
SOLVE = "times_doctor.solve"


@app.task(name=SOLVE)  # type: ignore[untyped-decorator]  # celery has no types
def solve(message: dict[str, Any]) -> str:
    """Executes one run; returns its final state (a chain continues after it)."""
    try:
        task = from_task(message, SolveTask)
    except SchemaMismatch as error:
        logger.error("%s", error, extra={"action": "message_refused"})
        return "refused"
    ended = ports.solver().solve(task)
    if ended is None:
        raise Ignore
    return ended
