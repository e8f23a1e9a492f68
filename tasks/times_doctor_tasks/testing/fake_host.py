"""A host without a worker, as a client sees it, in a real or a fake Redis."""

from __future__ import annotations

from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.recommendation import recommend
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.messages import Report, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import Fence, Owned, Room, RunStore


class FakeHost:
    """A solver host as Redis sees it: it has a card, and begins and ends runs on request."""

    def __init__(self, store: RunStore, name: str = "h1") -> None:
        self.store = store
        self.name = name

    def register(
        self, *, roles: tuple[str, ...] = ("solve", "control"), version: str = "1.16.0", brings_control: bool = False
    ) -> None:
        """Writes its card, live for a minute."""
        card = HostCard(
            host=self.name,
            instance="i",
            pid=1,
            roles=roles,
            slots=2,
            cores=4,
            memory_mb=8_000,
            queues=("solve.highs.highs", f"host.{self.name}"),
            engines={"highs": version},
            solvers=("highs.highs",),
            brings_control=brings_control,
        )
        self.store.register_host(card, ttl_s=60)

    def begin(self, spec: ScanSpec, run: RunSpec) -> Fence:
        """Takes a run and brings it to `running`; end it by `store.finish(spec, result, fence)`.

        Raises:
            ValueError: it has ended, or another host has it.
        """
        claim = self.store.claim(spec, run, host=self.name, token=self.name, need=Room(1, 0), free=Room(8, 8_000))
        if not isinstance(claim, Owned):
            raise ValueError(f"{run.run} cannot be begun: {claim!r}")
        for state in (RunState.STAGING, RunState.RUNNING):
            self.store.advance(spec, run.run, claim.fence, state)
        return claim.fence

    def report(self, spec: ScanSpec) -> Report:
        """Writes the report of all that has ended, by the real rules."""
        runs = tuple(self.store.results(spec).values())
        comparison = compare(runs, spec)
        report = Report(
            scan=spec.scan,
            spec=spec,
            runs=runs,
            comparison=comparison,
            recommendation=recommend(runs, comparison, spec),
            created_ms=2_000,
        )
        self.store.write_report(report)
        return report
