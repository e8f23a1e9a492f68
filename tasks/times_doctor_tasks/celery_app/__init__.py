"""The Celery application, its two tasks, and how a scan is published."""

from __future__ import annotations
