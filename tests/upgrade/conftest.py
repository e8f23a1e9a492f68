from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.integration.workers")

from tests.integration.workers import broker, team  # noqa: E402, F401  # after what makes its asserts tell
