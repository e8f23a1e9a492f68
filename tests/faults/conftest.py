from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.bed", "tests.faults.invariants", "tests.integration.workers")

# After what makes their asserts tell.
from tests.faults.bed import Bed, DoorTeam  # noqa: E402
from tests.faults.broker import OPEN, Door, PortBroker  # noqa: E402
from tests.faults.counting import PROPERTY, Tell, rows_of, table_of  # noqa: E402
from tests.faults.guarded_door import ALL_GUARDED, NOT_GUARDED, GuardedDoor  # noqa: E402
from times_doctor_tasks.config.tls import Tls, trust  # noqa: E402

#: A program for child processes: it reads its orders where it is imported.
collect_ignore = ["mortal_worker.py"]


@pytest.fixture
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    """The kind of server: from `also_guarded`, else from the environment."""
    kind = getattr(request, "param", "guarded" if ALL_GUARDED else "open")
    if kind == "open":
        yield OPEN
        return
    for name, reason in NOT_GUARDED.items():
        if request.node.name.startswith(name):
            pytest.skip(reason)
    door = GuardedDoor(tmp_path)
    trust(door.tls)  # the test itself scans too
    yield door
    trust(Tls())


@pytest.fixture
def broker(door: Door) -> Iterator[PortBroker]:
    broker = PortBroker(door=door)
    yield broker
    broker.close()


@pytest.fixture
def bed(tmp_path: Path, broker: PortBroker) -> Iterator[Bed]:
    bed = Bed(tmp_path, broker)
    yield bed
    bed.close()


@pytest.fixture
def team(tmp_path: Path, broker: PortBroker) -> Iterator[DoorTeam]:
    team = DoorTeam(tmp_path, broker)
    yield team
    team.close()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Counts a test's faults."""

    def tell(*, faults: int, recovery_s: float | None = None) -> None:
        request.node.user_properties.append((PROPERTY, (faults, recovery_s)))

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Counts the faults of all tests."""
    reports = [report for word in ("passed", "failed") for report in terminalreporter.stats.get(word, ())]
    if rows := [row for row in rows_of(reports) if row.faults]:
        terminalreporter.section("faults injected; each case checks that nothing is lost, done twice or hangs")
        for line in table_of(rows):
            terminalreporter.write_line(line)
