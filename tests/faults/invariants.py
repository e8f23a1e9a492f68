"""What must be true after all faults are over."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from tests.conftest import wait_until
from tests.integration.guarded import denied
from tests.integration.workers import Team
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import TERMINAL

#: Keys without a TTL: seats, the history, Celery's table of queues, and its un-acked messages.
LASTING = (":celery:_kombu.binding", ":celery:unacked", ":seats", ":past")


def engines(team: Team) -> list[int]:
    """Processes that solve for any worker of the team."""
    found = subprocess.run(["pgrep", "-f", f"native.solve {team.folder}"], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def check(team: Team, specs: Iterable[ScanSpec], *, hosts: Iterable[str]) -> None:
    """Every scan has its report; every run one result, accepted once; nothing is left over; no access was denied."""
    for spec in specs:
        report = team.report(spec, timeout_s=120)
        assert [run.run for run in report.runs] == list(spec.runs)
        for run in report.runs:
            assert run.state in TERMINAL, run
            accepted = [attempt for attempt in run.attempts if attempt.ended_as in TERMINAL]
            assert len(accepted) == (1 if run.attempts else 0), run.attempts
            assert all(attempt.end_ms for attempt in run.attempts), run.attempts
    wait_until(lambda: not engines(team), timeout_s=30, what="no solver is left")
    queues = ["control", "solve.highs.highs", *(f"host.{host}" for host in hosts)]
    wait_until(lambda: team.store.waiting(queues) == 0, timeout_s=30, what="queues are empty")
    assert team.store.client.zcard(team.store.keys.line()) == 0
    # Late copies of messages may still arrive: the key of a queue exists as long as a message is in it.
    wait_until(lambda: not lasting_keys(team), timeout_s=30, what="no key is left without an expiry")
    # Roles other than control try to load a script, and then wait for it.
    assert {words for words in denied(team.store.client) if not words.endswith("script|load")} == set()


def lasting_keys(team: Team) -> list[str]:
    """Our keys without an expiry."""
    client, prefix = team.store.client, team.store.keys.prefix
    names = [name.decode() for name in client.scan_iter(f"{prefix}:*", count=1000)]
    return [name for name in names if client.ttl(name) == -1 and not any(word in name for word in LASTING)]
