"""The callback of chord and chain: makes the report from the documents, never from its arguments."""

from __future__ import annotations

import logging
from typing import Any

from times_doctor_tasks.celery_app import ports
from times_doctor_tasks.celery_app.app import app
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.messages import AggregateTask, from_task

logger = logging.getLogger(__name__)
AGGREGATE = "times_doctor.aggregate_scan"


@app.task(name=AGGREGATE)  # type: ignore[untyped-decorator]  # celery has no types
def aggregate_scan(message: dict[str, Any]) -> str:
    """Writes the report of a scan, once."""
    try:
        task = from_task(message, AggregateTask)
    except SchemaMismatch as error:
        logger.error("%s", error, extra={"action": "message_refused"})
        return "refused"
    return ports.aggregator().aggregate(task)
