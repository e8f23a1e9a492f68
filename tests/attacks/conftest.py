from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.workers import Broker, Team


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
