"""Loads the Lua scripts of the whole team into the server: with access rules only control may do that."""

from __future__ import annotations

from collections.abc import Iterator

import redis

from times_doctor_tasks.blob_store import redis_scripts
from times_doctor_tasks.celery_app import internals
from times_doctor_tasks.state_store import scripts


def all_scripts() -> Iterator[str]:
    """The source of each: ours, Celery's, kombu's and redis-py's."""
    yield from map(scripts.source, scripts.VERBS)
    yield from map(redis_scripts.source, redis_scripts.VERBS)
    yield from internals.scripts_of_others()


def load_scripts(client: redis.Redis) -> None:
    """Loads all of them in one round trip; loaded ones cost nothing."""
    pipe = client.pipeline(transaction=False)
    for script in all_scripts():
        pipe.script_load(script)
    pipe.execute()
