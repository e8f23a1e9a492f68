"""Summaries of a broker's scans, newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from times_doctor_cli.client.session import Client
from times_doctor_cli.client.team_look import TeamReader
from times_doctor_tasks.contract.messages import Report, ScanSpec
from times_doctor_tasks.contract.states import OWNED, TERMINAL, RunState
from times_doctor_tasks.state_store.done_mark import DoneMark


class ScanLine(msgspec.Struct, frozen=True):
    """One scan."""

    spec: ScanSpec
    counts: Mapping[RunState, int]
    """How many runs are in which state."""
    mark: DoneMark | None
    """Its result; None while it has no report."""
    cancelled_by: tuple[str, ...] = ()
    """Who cancelled its runs."""
    place: str = ""
    """The place in the team's line of its first waiting run."""
    is_local: bool = False
    """Whether it ran on this machine, without a team's broker."""

    @property
    def reported(self) -> bool:
        """Whether it has ended."""
        return self.mark is not None

    def count(self, states: Iterable[RunState]) -> int:
        """How many runs are in one of `states`."""
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def ended(self) -> int:
        """How many runs have ended, for any reason."""
        return self.count(TERMINAL)

    @property
    def running(self) -> int:
        """How many runs a host works on."""
        return self.count(OWNED)


def scan_lines(client: Client, *, newest: int, only_open: bool = False) -> list[ScanLine]:
    """The newest scans, or only the open ones; scans that this version cannot read are left out.

    Raises:
        BrokerUnavailable: it does not answer.
    """
    with client.answering():
        scans = client.store.scans(newest=newest)
        reported = client.store.reported(scans)
        specs = client.store.specs([scan for scan in scans if not (only_open and scan in reported)])
        by = client.store.cancelled_by([spec.scan for spec in specs])
        reader = TeamReader(client)
        look, statuses = reader.look(), client.store.all_statuses(specs)
        return [
            ScanLine(
                spec,
                Counter(status.state for status in statuses[spec.scan].values()),
                reported.get(spec.scan),
                by.get(spec.scan, ()),
                next(iter(reader.words(look, spec.scan).values()), ""),
            )
            for spec in specs
        ]


def local_line(report: Report) -> ScanLine:
    """A scan that ran on this machine alone."""
    people = dict.fromkeys(run.stopped_by for run in report.runs if run.stopped_by)
    counts = Counter(run.state for run in report.runs)
    return ScanLine(report.spec, counts, DoneMark.of(report), tuple(people), is_local=True)
