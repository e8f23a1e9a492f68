from __future__ import annotations

from collections.abc import Iterator

import highspy
import pytest


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """HiGHS keeps its threads for the whole process and refuses another number of them later."""
    yield
    highspy.Highs.resetGlobalScheduler(True)
