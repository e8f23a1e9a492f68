"""The request of the command line of `scan`, checked as far as its text allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.limits import NOTIFY_NAME

#: Priorities by name, among the scans of one person; 0 is served first.
PRIORITIES = {"high": 2, "normal": 5, "low": 8}
#: More runs than this need a confirmation, or `--yes`.
MANY_RUNS = 20
#: Larger counts, megabytes or seconds are mistakes.
_MOST = 1e9


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call of `scan`."""

    run_path: Path
    profiles: Sequence[str] = ()
    solver: str = "auto"
    opt_files: Sequence[Path] = ()
    parallel: bool = False
    threads: int | None = None
    """None: all cores of the host, shared by the concurrent runs."""
    max_workers: int | None = None
    timeout_s: float | None = None
    wait_licence_min: float = 0.0
    """Minutes that a run waits if it gets no licence at its start."""
    iis: bool = False
    """With GAMS: solvers that can do so search for contradicting equations of an infeasible model."""
    iis_s: float = 60.0
    """Seconds for HiGHS's search for contradicting rows of an infeasible model."""
    mem_mb: int | None = None
    repeat: int | None = 1
    """Rounds; None: until the profiles differ significantly."""
    repeat_budget_s: float | None = None
    """Seconds of solving that rounds may take if their number is open."""
    priority: str = "normal"
    gams_path: Path | None = None
    times_src: Path | None = None
    includes: Sequence[Path] = ()
    restart: str = "auto"
    vd: bool | None = None
    """Results for VEDA; None: if VTRUN.CMD makes them."""
    out: Path | None = None
    trace: Path | None = None
    """The path for the scan as a GAMS trace file."""
    yes: bool = False
    queue: bool = False
    """On the team's hosts, not on this machine."""
    detach: bool = False
    hosts: Sequence[str] = ()
    """Only these hosts may take a run; empty: all."""
    race: bool = False
    cap_factor: float | None = None
    gams_args: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Compile-time variables for GAMS, by name."""
    notify: str | None = None
    """The name to notify, known to the team's control worker; "none": nobody; None: its default."""
    resume: bool = False
    """Reuse results of earlier runs with the same inputs."""

    def __post_init__(self) -> None:
        for refused, words in self._refusals():
            if refused:
                raise UsageError(words)
        if self.priority not in PRIORITIES:
            raise UsageError(f"--priority {self.priority!r}: expected one of {', '.join(PRIORITIES)}.")
        for name, value in (
            ("--max-workers", self.max_workers),
            ("--threads", self.threads),
            ("--timeout-seconds", self.timeout_s),
            ("--mem", self.mem_mb),
            ("--repeat", self.repeat),
            ("--repeat-budget", self.repeat_budget_s),
        ):
            if value is not None and not 0 < value <= _MOST:
                raise UsageError(f"{name} {value:g}: expected more than 0, and not beyond {_MOST:g}.")

    def with_configured(self, settings: Settings) -> ScanRequest:
        """The same, with the configuration's values for options not given."""
        return replace(
            self,
            max_workers=self.max_workers or settings.max_workers,
            timeout_s=self.timeout_s or settings.timeout_s,
        )

    def _refusals(self) -> Iterator[tuple[bool, str]]:
        """Checks options that need `--queue` or forbid it."""
        queue = self.queue
        yield queue and self.gams_path is not None, "--gams-path with --queue: each host uses its own GAMS."
        yield self.detach and not queue, "--detach needs --queue: without it the runs end with this command."
        yield bool(self.hosts) and not queue, "--hosts needs --queue: without it there is this machine only."
        yield (
            self.detach and self.trace is not None,
            "--trace with --detach: the scan has not ended then. Use `times-doctor report SCAN --trace FILE` later.",
        )
        yield (
            self.notify is not None and not queue,
            "--notify needs --queue: a team's control worker sends the messages.",
        )
        yield (  # the value may be an address with a password
            self.notify is not None and not NOTIFY_NAME.fullmatch(self.notify),
            "--notify: expected a name that the team's control worker knows, or none; an address belongs in its file.",
        )
        auto = self.repeat is None
        yield self.repeat_budget_s is not None and not auto, "--repeat-budget needs --repeat auto: it says when to end."
        yield auto and self.race, "--race with --repeat auto: a race knows only its winner. Leave one of them out."
        yield (
            auto and self.resume,
            "--resume with --repeat auto: earlier times know nothing of today's load.",
        )
        iis_s = self.iis_s
        wait_min = self.wait_licence_min
        yield not 0 <= wait_min <= _MOST, f"--wait-for-licence {wait_min:g}: expected 0 (no wait) or minutes."
        yield not 0 <= iis_s <= _MOST, f"--iis-seconds {iis_s:g}: expected 0 (no search) or a number of seconds."
        cap = self.cap_factor
        yield cap is not None and not cap >= 1, f"--cap {cap}: expected 1 or more: a multiple of the best run's time."


def gams_args_of(texts: Sequence[str]) -> Mapping[str, str]:
    """The values of `--gams-arg`, by name.

    Raises:
        UsageError: one is not NAME=VALUE.
    """
    from times_doctor_cli.run_folder.gams.gams_args import parse_gams_args  # heavy: after --help

    return parse_gams_args(texts) if texts else {}


def number_or_auto(option: str, text: str) -> int | None:
    """The value of an option that takes a number, or `auto`: None.

    >>> number_or_auto("--threads", "auto"), number_or_auto("--threads", "4")
    (None, 4)

    Raises:
        UsageError: neither.
    """
    if text == "auto":
        return None
    if not text.isdecimal() or len(text) > 9:
        raise UsageError(f"{option} {text!r}: expected a whole number, or 'auto'.")
    return int(text)
