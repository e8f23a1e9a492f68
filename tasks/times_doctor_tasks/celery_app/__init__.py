"""The Celery application, its two tasks, and how a scan is published."""
