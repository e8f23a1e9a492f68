from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.bed", "tests.faults.invariants", "tests.integration.workers")

from tests.faults.bed import Bed, PortBroker  # noqa: E402  # after what makes its asserts tell
from tests.faults.counting import PROPERTY, Tell, rows_of, table_of  # noqa: E402  # after what makes its asserts tell
from tests.integration.workers import broker, team  # noqa: E402, F401  # after what makes its asserts tell

#: A program for child processes: it reads its orders where it is imported.
collect_ignore = ["mortal_worker.py"]


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    of_bed = PortBroker()
    bed = Bed(tmp_path, of_bed)
    yield bed
    bed.close()
    of_bed.close()


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
