from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.bed", "tests.faults.invariants", "tests.integration.workers")

from tests.faults.bed import Bed, PortBroker  # noqa: E402  # after what makes its asserts tell
from tests.integration.workers import Broker, Team  # noqa: E402  # after what makes its asserts tell


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
def team(broker: Broker, tmp_path: Path) -> Iterator[Team]:
    team = Team(tmp_path, broker)
    yield team
    team.close()


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    broker = PortBroker()
    bed = Bed(tmp_path, broker)
    yield bed
    bed.close()
    broker.close()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Writes figures of a test to the file that TD_FAULTS_REPORT names, a line of JSON each."""

    def tell(**figures: object) -> None:
        path = os.environ.get("TD_FAULTS_REPORT")
        if path:
            with Path(path).open("a") as report:
                report.write(json.dumps({"test": request.node.name, **figures}) + "\n")

    return tell
