"""A model's fingerprint, from its run folder and the head of a model file."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from times_doctor_cli.run_folder.model import RunDir, RunKind
from times_doctor_tasks.contract.fingerprint import Fingerprint

#: Bytes of a model file in which its names are looked for.
_HEAD_BYTES = 1 << 20
#: The beginning of a name: what `EQ_BAL(REG1)` and `EQ_BAL_17` have in common.
_STEM = re.compile(rb"(?<!\S)[A-Za-z_][A-Za-z_.-]*")


def fingerprint_of(run_dir: RunDir) -> Fingerprint:
    """The fingerprint of the model in a run folder."""
    is_file = run_dir.kind is RunKind.LP
    return Fingerprint.of(
        title=run_dir.driver.stem,
        kind=str(run_dir.model_class) if is_file else run_dir.kind,
        size_bytes=sum(file.size_bytes for file in run_dir.inputs),
        stems=_stems_in(run_dir.driver) if is_file else _file_stems(file.path for file in run_dir.inputs),
        ranges=_powers(run_dir.ranges),
    )


def _stems_in(path: Path) -> set[bytes]:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            return set(_STEM.findall(file.read(_HEAD_BYTES)))
    except (OSError, EOFError, zlib.error):  # the run will report what is wrong with it
        return set()


def _file_stems(paths: Iterable[Path]) -> set[bytes]:
    """Names of files without their digits: `scen_2030.dd` and `scen_2050.dd` are the same data of two years."""
    return {re.sub(r"\d+", "", path.name.lower()).encode("utf-8", "surrogateescape") for path in paths}


def _powers(ranges: Mapping[str, Any]) -> tuple[int, int] | None:
    part = ranges.get("parts", {}).get("matrix", {})
    return (math.floor(math.log10(part["min"])), math.floor(math.log10(part["max"]))) if part.get("min") else None
