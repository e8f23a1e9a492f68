"""What a person asked for on the command line of `scan`, checked as far as text alone allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from times_doctor_tasks.errors import UsageError

#: Priorities by name; 0 is served first.
PRIORITIES = {"high": 2, "normal": 5, "low": 8}
#: More runs than this are asked about, unless `--yes`.
MANY_RUNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """One call of `scan`."""

    run_path: Path
    profiles: Sequence[str] = ()
    solver: str = "auto"
    opt_files: Sequence[Path] = ()
    parallel: bool = False
    threads: int | None = None
    """None: as many as the host has, shared by the runs that run at once."""
    max_workers: int | None = None
    timeout_s: float | None = None
    mem_mb: int | None = None
    repeat: int = 1
    priority: str = "normal"
    gams_path: Path | None = None
    times_src: Path | None = None
    includes: Sequence[Path] = ()
    restart: str = "auto"
    out: Path | None = None
    yes: bool = False

    def __post_init__(self) -> None:
        if self.priority not in PRIORITIES:
            raise UsageError(f"--priority {self.priority!r}: expected one of {', '.join(PRIORITIES)}.")
        for name, value in (
            ("--max-workers", self.max_workers),
            ("--threads", self.threads),
            ("--timeout-seconds", self.timeout_s),
            ("--mem", self.mem_mb),
            ("--repeat", self.repeat),
        ):
            if value is not None and value <= 0:
                raise UsageError(f"{name} {value:g}: expected more than 0.")


def parse_threads(text: str) -> int | None:
    """The value of `--threads`: a number, or `auto`.

    >>> parse_threads("auto"), parse_threads("4")
    (None, 4)

    Raises:
        UsageError: neither.
    """
    if text == "auto":
        return None
    if not text.isdigit():
        raise UsageError(f"--threads {text!r}: expected a whole number, or 'auto'.")
    return int(text)
