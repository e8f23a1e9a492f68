"""The destination of a scan's files, without the writers: those are imported only when needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.snapshot.manifest import Manifest


class Harvest(msgspec.Struct, frozen=True):
    """Where a scan's files go, and facts for its report."""

    out: Path
    """The scan's own folder."""
    runs: Sequence[RunSpec]
    inputs: Manifest | None = None
    """The model's files, if known."""
    copy_to: Path | None = None
    """The model's folder on this machine."""
    listing: Path | None = None
    """A listing of an earlier run of the model."""
    trace: Path | None = None
    """The path for the scan as a GAMS trace file, if wanted."""
