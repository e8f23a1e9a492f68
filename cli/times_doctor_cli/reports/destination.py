"""Where a scan's files go, told before there are any: the writers themselves are loaded when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.snapshot.manifest import Manifest


class Harvest(msgspec.Struct, frozen=True):
    """Where a scan's files go, and what beside its report is known of it."""

    out: Path
    """The scan's own folder."""
    runs: Sequence[RunSpec]
    inputs: Manifest | None = None
    """The model's files, where they are known."""
    copy_to: Path | None = None
    """The model's folder on this machine."""
    listing: Path | None = None
    """A listing of an earlier run of the model."""
    trace: Path | None = None
    """Where to write the scan as a GAMS trace file; None: nowhere."""
