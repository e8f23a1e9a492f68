"""The Celery application and its settings, each with a measured reason (docs/adr/0002)."""

from __future__ import annotations

from typing import Any

from celery import Celery

from times_doctor_tasks.celery_app import internals
from times_doctor_tasks.config.tls import tls_options
from times_doctor_tasks.contract.keys import CONTROL_QUEUE
from times_doctor_tasks.state_store.connection import CONNECT_TIMEOUT_S, HEALTH_CHECK_S, SOCKET_TIMEOUT_S, is_socket

#: Seconds until Redis offers an unacknowledged message again: only a fallback, leases recover much earlier.
VISIBILITY_TIMEOUT_S = 86_400
#: Life of Celery's own results and chord counters, seconds; longer than the longest scan.
RESULT_TTL_S = 7 * 86_400
#: Priority of a message that names none; 0 is served first, and a message without priority would count as 0.
DEFAULT_PRIORITY = 5
PRIORITY_STEPS = list(range(10))

app = Celery(
    "times_doctor", include=[f"times_doctor_tasks.celery_app.{task}" for task in ("solve_task", "aggregate_task")]
)

app.conf.update(
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    enable_utc=True,
    # Late ack re-runs a solve on every dropped connection and after the visibility time-out.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    result_backend_always_retry=True,
    result_backend_max_retries=1_000_000,
    result_expires=RESULT_TTL_S,
    result_chord_expires=RESULT_TTL_S,
    task_default_queue=CONTROL_QUEUE,
    task_default_priority=DEFAULT_PRIORITY,
    task_queue_max_priority=9,
    task_ignore_result=False,
    task_publish_retry=True,
)
internals.use_backend(app, "times_doctor_tasks.celery_app.result_backend:ErrorProofBackend")
internals.use_transport("times_doctor_tasks.celery_app.transport:GuardedTransport")


def configure(broker_url: str, *, prefix: str = "td") -> Celery:
    """Sets the application's broker, before anything is published or consumed."""
    transport: dict[str, Any] = {
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "priority_steps": PRIORITY_STEPS,
        "queue_order_strategy": "priority",
        "global_keyprefix": f"{prefix}:celery:",
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "health_check_interval": HEALTH_CHECK_S,
        "retry_on_timeout": True,
    }
    if not is_socket(broker_url):
        transport["socket_keepalive"] = True
    app.conf.update(
        broker_url=broker_url,
        broker_use_ssl=tls_options(broker_url) or False,
        redis_backend_use_ssl=tls_options(broker_url) or None,
        result_backend=broker_url,
        broker_transport_options=transport,
        result_backend_transport_options={"global_keyprefix": f"{prefix}:celery:"},
        redis_socket_keepalive=not is_socket(broker_url),
        redis_socket_timeout=SOCKET_TIMEOUT_S,
        redis_socket_connect_timeout=CONNECT_TIMEOUT_S,
        redis_retry_on_timeout=True,
        redis_backend_health_check_interval=HEALTH_CHECK_S,
    )
    internals.forget_connections(app)
    app.set_default()
    return app
