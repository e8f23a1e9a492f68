"""The worker as a service: roles, Celery consumer and pool, logging, shutdown, watchdog."""
