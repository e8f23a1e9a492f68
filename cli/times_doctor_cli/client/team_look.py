"""One look at a team: waiting and running runs of all open scans, and their hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from times_doctor_cli.client.host_cards import makes_reports
from times_doctor_cli.client.place import TeamLook, TeamRun, places
from times_doctor_cli.client.session import Client
from times_doctor_tasks.contract.messages import RunSpec, ScanSpec
from times_doctor_tasks.contract.states import OWNED, RunState
from times_doctor_tasks.state_store.fair_order import person_of
from times_doctor_tasks.state_store.reader import RunStatus

#: Seconds without a beat after which a host counts as silent; hosts beat twice a second.
SILENT_S = 5.0
_STEP = 1e13


class TeamReader:
    """Repeated looks; what does not change is read once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._runs: dict[str, dict[str, RunSpec]] = {}
        self._statuses: dict[str, dict[str, RunStatus]] = {}
        self._specs: dict[str, ScanSpec] = {}
        self._now_ms = 0
        self.has_control = True
        """Whether a worker that makes reports was live at the last look."""

    def look(self) -> TeamLook:
        """The team as it is now.

        Raises:
            BrokerUnavailable: it does not answer.
        """
        with self._client.answering():
            store = self._client.store
            self._specs = {spec.scan: spec for spec in store.open_specs()}
            specs = list(self._specs.values())
            self._statuses = store.all_statuses(specs, self._statuses)
            new = [spec for spec in specs if len(self._runs.get(spec.scan, ())) != len(spec.runs)]
            self._runs |= {scan: {run.run: run for run in runs} for scan, runs in store.all_runs(new).items()}
            self._now_ms = store.server_ms()
            line = {(place.scan, place.run): place.score for place in store.line()}
            hosts = store.live_hosts()
            self.has_control = any(makes_reports(card) for card in hosts)
            cards = [card for card in hosts if "solve" in card.roles and card.taking]
            seats = {solver: amount for solver, (amount, _) in store.seats().items()}
            held = Counter(solver for solver, _ in store.held_seats())
        waiting = sorted(self._of(RunState.QUEUED, RunState.PARKED), key=lambda found: self._rank(found, line))
        working = [self._team_run(*found) for found in self._of(*OWNED)]
        return TeamLook(cards, [self._team_run(*found) for found in waiting], working, seats, held)

    def words(self, look: TeamLook, scan: str) -> dict[str, str]:
        """For a scan's runs: the place of each waiting one, and which have a silent host."""
        spec = self._specs.get(scan)
        silent = {} if spec is None else self._silent(spec)
        return places(look, scan) | silent

    def _silent(self, spec: ScanSpec) -> dict[str, str]:
        words = {}
        for run, status in self._statuses[spec.scan].items():
            silent_s = (self._now_ms - status.lease_ms) / 1000 + spec.lease_s
            if status.state in OWNED and status.lease_ms and silent_s > SILENT_S:
                words[run] = f"host silent for {silent_s:.0f} s"
        return words

    def _of(self, *states: RunState) -> Iterator[tuple[ScanSpec, RunSpec, RunStatus]]:
        for scan, statuses in self._statuses.items():
            runs = self._runs[scan]
            for run, status in statuses.items():
                if status.state in states and run in runs:
                    yield self._specs[scan], runs[run], status

    def _rank(
        self, found: tuple[ScanSpec, RunSpec, RunStatus], line: Mapping[tuple[str, str], float]
    ) -> tuple[float, str, int]:
        spec, run, _ = found
        return line.get((spec.scan, run.run), run.priority * _STEP + spec.created_ms), spec.scan, run.index

    def _team_run(self, spec: ScanSpec, run: RunSpec, status: RunStatus) -> TeamRun:
        left_s, is_owned = run.expected_s, status.state in OWNED
        if left_s is not None and status.state is RunState.RUNNING:
            left_s -= (self._now_ms - status.since_ms) / 1000
        return TeamRun(
            spec.scan,
            run.run,
            person_of(spec.client),
            run.queue,
            f"{run.engine}.{run.solver}",
            run.threads,
            run.needed_mb,
            left_s,
            status.host if is_owned else "",
        )
