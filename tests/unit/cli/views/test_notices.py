from __future__ import annotations

from tests.unit.cli.scans import (
    drawn,
)
from times_doctor_cli.scan_state.rows import Notice
from times_doctor_cli.views.notices import notices_view


def test_notices_name_the_run_and_keep_brackets() -> None:
    notices = [Notice("error", "demo_[x].dd(31): unknown", "cplex.[tight]"), Notice("info", "Cancelling all runs.")]

    assert drawn(notices_view(notices, unicode=True)) == (
        "✗ cplex.[tight]: demo_[x].dd(31): unknown\n· Cancelling all runs.\n"
    )
