from __future__ import annotations

from times_doctor_tasks.celery_app.app import configure


def test_a_process_may_go_from_a_port_to_a_socket() -> None:
    assert configure("redis://127.0.0.1:1/0").conf.redis_socket_keepalive
    conf = configure("redis+socket:///tmp/nothing").conf
    assert not conf.redis_socket_keepalive
    assert "socket_keepalive" not in conf.broker_transport_options
