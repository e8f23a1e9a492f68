"""The task of one run. It never raises: whatever happens is in the run's document, so a chord always completes."""

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
    """Runs one run; the value says how it ended (a chain goes on after it)."""
    try:
        task = from_task(message, SolveTask)
    except SchemaMismatch as error:
        logger.error("%s", error, extra={"action": "message_refused"})
        return "refused"
    ended = ports.solver().solve(task)
    if ended is None:
        raise Ignore
    return ended
