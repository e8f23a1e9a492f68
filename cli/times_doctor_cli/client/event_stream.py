"""The events of one scan as they come: first its current state, read once from the documents, then only changes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import redis

from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import InfrastructureError
from times_doctor_tasks.contract.messages import (
    AnyEvent,
    Extended,
    Noted,
    ProgressMade,
    Reported,
    RunResult,
    ScanSpec,
    StateChanged,
)
from times_doctor_tasks.contract.states import TERMINAL
from times_doctor_tasks.state_store.reader import RunStatus, ScanStatus, initial_state

if TYPE_CHECKING:
    from times_doctor_cli.client.session import Client

#: A watcher gives up when the broker does not answer for this many seconds.
PATIENCE_S = 120.0

TimedEvent = tuple[int, AnyEvent]


class Feed:
    """Events of one scan, oldest first, until its report exists; at first a summary of earlier ones."""

    def __init__(self, client: Client, spec: ScanSpec, *, patience_s: float = PATIENCE_S) -> None:
        self._client = client
        self._spec = spec
        self._patience_s = patience_s
        self._after: str | None = None
        self._results: dict[str, RunResult] = {}
        self._away_since_s: float | None = None
        self._is_over = False

    def next_events(self, timeout_s: float) -> list[TimedEvent] | None:
        """New events since the last call; waits up to `timeout_s` for one. None: the report exists.

        While the broker is unreachable there are none, except for one line that says so.

        Raises:
            InfrastructureError: the broker did not answer for too long, or came back without the scan.
        """
        try:
            told = self._history() if self._after is None else self._news(timeout_s)
        except redis.RedisError as error:
            return self._without_answer(error, timeout_s)
        back = self._comes_back()
        return told if told is None else [*back, *told]

    def result_of(self, run: str) -> RunResult | None:
        """The result of an ended run; None if it cannot be read now."""
        known = self._results.pop(run, None)
        if known is not None:
            return known
        try:
            return self._client.store.results(self._spec, [run], attempts=False).get(run)
        except redis.RedisError:
            return None

    def _history(self) -> list[TimedEvent]:
        store, known = self._client.store, set(self._spec.runs)
        self._spec = store.scan(self._spec.scan) or self._spec  # rounds may have been added since it was read
        status = store.scan_status(self._spec)
        ended = [run for run, one in status.statuses.items() if one.state in TERMINAL]
        self._results = store.results(self._spec, ended, attempts=False)
        self._after = status.last_event
        told = history(self._spec, status, self._results)
        if set(self._spec.runs) <= known:
            return told
        added = tuple(run for run in store.runs(self._spec) if run.run not in known)
        return [(self._spec.created_ms, Extended(runs=added)), *told]

    def _news(self, timeout_s: float) -> list[TimedEvent] | None:
        assert self._after is not None
        if self._is_over:
            return None
        store, scan = self._client.store, self._spec.scan
        events = store.events(scan, after=self._after, block_ms=max(1, int(timeout_s * 1000)))
        if not events:
            is_there, is_reported = store.presence(scan)
            if is_reported:
                return None
            if not is_there:
                raise self._lost()
        else:
            told = (event for _, _, event in events)
            ended = {one.run for one in told if isinstance(one, StateChanged) and one.state in TERMINAL}
            self._results |= store.results(self._spec, list(ended), attempts=False)
            self._after = events[-1][0]
            # The next call need not wait: the report is the last item.
            self._is_over = isinstance(events[-1][2], Reported)
        return [(at_ms, event) for _, at_ms, event in events]

    def _lost(self) -> InfrastructureError:
        """A server may restart empty without a visible outage: we would wait for ever."""
        return InfrastructureError(
            f"The broker {self._client.shown_broker!r} is back without scan {self._spec.scan}: it lost its data. "
            "Have it keep them (appendonly yes), and scan again."
        )

    def _comes_back(self) -> list[TimedEvent]:
        if self._away_since_s is None:
            return []
        self._away_since_s = None
        return [(self._client.now_ms(), Noted(text="The broker answers again.", level="info"))]

    def _without_answer(self, error: redis.RedisError, timeout_s: float) -> list[TimedEvent]:
        client, now_s = self._client, monotonic_s()
        told: list[TimedEvent] = []
        if self._away_since_s is None:
            self._away_since_s = now_s
            why = str(error).rstrip(".")
            words = f"The broker does not answer ({why}). The solves continue; trying for {self._patience_s:.0f} s."
            told = [(client.now_ms(), Noted(text=words, level="warning"))]
        if now_s - self._away_since_s > self._patience_s:
            raise InfrastructureError(
                f"The broker {client.shown_broker!r} has not answered for {self._patience_s:.0f} s: {error}. Hosts "
                f"that run will continue. Once it is back, `times-doctor watch {self._spec.scan}` shows the scan again."
            ) from error
        time.sleep(timeout_s)
        return told


def history(spec: ScanSpec, scan: ScanStatus, results: Mapping[str, RunResult]) -> list[TimedEvent]:
    """The documents' state of every run that has changed, as events in the order of the changes."""
    told: list[TimedEvent] = []
    for run, status in scan.statuses.items():
        # If runs are reused, the first of a chain is not where a screen expects it.
        if not status.since_ms and status.state is initial_state(spec, run) and not spec.reused:
            continue
        told.append((status.since_ms or spec.created_ms, _came_to(run, status, results.get(run))))
        look = scan.looks.get(run)
        if look is not None and status.state not in TERMINAL:
            told.append((_seen_ms(status, look), look))
    return sorted(told, key=lambda event: event[0])


def _came_to(run: str, status: RunStatus, result: RunResult | None) -> StateChanged:
    return StateChanged(
        run=run,
        attempt=status.attempt,
        state=status.state,
        host=status.host or (result.host or "" if result else ""),
        reason=status.reason,
        verdict=result.verdict if result else None,
    )


def _seen_ms(status: RunStatus, look: ProgressMade) -> int:
    """The time of a progress snapshot: the document says only how long the engine had run by then."""
    return status.since_ms + int(look.runtime_s * 1000)
