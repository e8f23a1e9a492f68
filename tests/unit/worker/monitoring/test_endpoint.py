from __future__ import annotations

import http.client
import socket
from collections.abc import Callable

import pytest

from times_doctor_tasks.contract.errors import InfrastructureError
from times_doctor_worker.monitoring.endpoint import BLOCKED_S, UNSWEPT_S, Endpoint, unwell

NOW_S = 1000.0


def ask(endpoint: Endpoint, path: str, address: str = "127.0.0.1") -> tuple[int, str]:
    line = http.client.HTTPConnection(address, endpoint.port, timeout=30)
    line.request("GET", path)
    answer = line.getresponse()
    found = answer.status, answer.read().decode()
    line.close()
    return found


def serving(health: str = "", metrics: Callable[[], bytes] | None = None) -> Endpoint:
    return Endpoint("127.0.0.1", 0, health=lambda: health, metrics=metrics)


@pytest.mark.parametrize(
    ("ticked_s", "swept_s", "sweeps", "word"),
    [
        (None, None, False, "starting"),
        (NOW_S, None, False, ""),
        (NOW_S - BLOCKED_S, None, False, ""),
        (NOW_S - BLOCKED_S - 1, None, False, "blocked"),
        (NOW_S, None, True, "starting"),
        (None, NOW_S, True, "starting"),
        (NOW_S, NOW_S - UNSWEPT_S, True, ""),
        (NOW_S, NOW_S - UNSWEPT_S - 1, True, "unswept"),
        (NOW_S - BLOCKED_S - 1, NOW_S - UNSWEPT_S - 1, True, "blocked"),
    ],
)
def test_a_worker_is_well_while_its_loop_ticks_and_its_sweeper_looks(
    ticked_s: float | None, swept_s: float | None, sweeps: bool, word: str
) -> None:
    assert unwell(NOW_S, ticked_s, swept_s=swept_s, sweeps=sweeps) == word


def test_health_is_a_code_and_a_word() -> None:
    with serving() as well, serving("blocked") as ill:
        assert ask(well, "/healthz") == (200, "ok\n")
        assert ask(ill, "/healthz?x=1") == (503, "blocked\n")


def test_only_who_has_metrics_gives_them() -> None:
    with serving() as solver, serving(metrics=lambda: b"a 1\n") as control:
        assert ask(control, "/metrics") == (200, "a 1\n")
        assert ask(solver, "/metrics") == (404, "Here are /healthz.\n")


def test_one_who_says_nothing_keeps_nobody_waiting() -> None:
    with serving() as endpoint, socket.create_connection(("127.0.0.1", endpoint.port)):
        assert ask(endpoint, "/healthz")[0] == 200


def test_an_address_of_version_6_will_do() -> None:
    with Endpoint("::1", 0, health=str) as endpoint:
        assert ask(endpoint, "/healthz", "::1")[0] == 200


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with serving() as endpoint, pytest.raises(InfrastructureError, match=r"port \d+ of 127.0.0.1: .* --metrics-port"):
        Endpoint("127.0.0.1", endpoint.port, health=str)
