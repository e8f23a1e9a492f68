"""The worker as a service: roles, Celery consumer and pool, logging, shutdown, watchdog."""

from __future__ import annotations
