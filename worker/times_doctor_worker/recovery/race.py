"""Races and caps: which runs of a scan stop because of how others ended.

FINISH ends a race at once; the control worker applies caps, and ends the races of older workers, also when no client
watches. A sweeper keeps one `Referee` per open scan and calls `look` each time it has read the states.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import TERMINAL, RunState, StopReason, Verdict
from times_doctor_tasks.state_store.reader import RunStatus
from times_doctor_tasks.state_store.run_store import RunStore


def runs_to_stop(
    spec: ScanSpec,
    statuses: Mapping[str, RunStatus],
    asked: Collection[str],
    *,
    best_s: float | None,
    now_ms: int,
) -> dict[str, StopReason]:
    """The runs that must stop now, and why.

    A race is over with the first run that proved optimal. A cap applies to runs with a running engine; waiting runs may
    still start, and get the same time.

    Args:
        asked: Runs that were already asked to stop (`*`: all of them); no run is asked twice.
        best_s: Seconds of the fastest engine that proved optimal; None while there is none.
        now_ms: On the server's clock, like the states.
    """
    if best_s is None or "*" in asked:
        return {}
    going = {run: status for run, status in statuses.items() if status.state not in TERMINAL and run not in asked}
    if spec.race:
        return dict.fromkeys(going, StopReason.BEATEN)
    if spec.cap_factor is None:
        return {}
    limit_ms = spec.cap_factor * best_s * 1000
    return {
        run: StopReason.CAPPED
        for run, status in going.items()
        if status.state is RunState.RUNNING and now_ms - status.since_ms > limit_ms
    }


class Referee(msgspec.Struct):
    """The memory of one scan's race or cap between two calls."""

    spec: ScanSpec
    best_s: float | None = None
    """Seconds of the fastest engine that proved optimal so far."""
    _known: set[str] = msgspec.field(default_factory=set)

    def look(self, store: RunStore, statuses: Mapping[str, RunStatus]) -> dict[str, StopReason]:
        """Asks runs to stop, and returns them. Costs nothing for a scan with neither race nor cap.

        Each result is read once, when its run has ended.
        """
        spec = self.spec
        if not spec.race and spec.cap_factor is None:
            return {}
        for run, status in statuses.items():
            if status.state is RunState.DONE and run not in self._known:
                self._read(store, run)
        if self.best_s is None:
            return {}
        asked = store.cancel_flags(spec.scan)
        stops = runs_to_stop(spec, statuses, asked, best_s=self.best_s, now_ms=store.server_ms())
        for reason in sorted(set(stops.values())):
            runs = [run for run in stops if stops[run] is reason]
            store.ask_cancel(spec.scan, runs, StopRequest(reason, now=True))
        return stops

    def _read(self, store: RunStore, run: str) -> None:
        result = store.result(self.spec, run)
        if result is None:
            return  # the state comes before the result: the next call finds it
        self._known.add(run)
        if result.verdict is Verdict.OPTIMAL and result.runtime_s is not None:
            self.best_s = min(result.runtime_s, self.best_s if self.best_s is not None else result.runtime_s)
