"""Recovery as pure rules: what to do about runs whose owner is silent or whose message seems to be lost.

Time is this process's monotonic clock, passed in. A run counts as silent when the same (attempt, beat) was seen for a
whole lease while Redis answered without a break: after an outage, or our own start, the watch restarts, so that an
outage of Redis never requeues a healthy run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

import msgspec

from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import OWNED, TERMINAL, RunState, ScanMode
from times_doctor_tasks.state_store.run_store import RunStatus

#: Seconds that a run may wait in a queue before its message counts as lost: first, and longest after backing off.
FIRST_PATIENCE_S = 30.0
LONGEST_PATIENCE_S = 600.0
#: The first time for a run that was never published: it has no message in a queue.
UNPUBLISHED_PATIENCE_S = 3.0
#: The first time for a run whose queue is empty: a worker that took its message claims it at once, or never (Redis also
#: pops a message for a client that has gone). Under load a queue is never empty, so the time above is longer.
TAKEN_PATIENCE_S = 5.0


class Remedy(StrEnum):
    """The actions of control for a run."""

    REQUEUE = "requeue"
    """Its owner is silent: publish its message again, then mark it queued."""
    LOSE = "lose"
    """Its owner is silent and all attempts are used up: end it as lost."""
    PUBLISH = "publish"
    """It waits without end: publish its message again (CLAIM rejects a duplicate)."""
    NUDGE = "nudge"
    """Its predecessor in the chain ended, but it was never published: publish the predecessor's message again. It
    returns at once, and Celery then publishes the successor."""


class Action(msgspec.Struct, frozen=True):
    """One action for one run, with the state that led to it."""

    run: str
    remedy: Remedy
    seen: RunStatus
    predecessor: str = ""
    """NUDGE only."""


class _Sight(msgspec.Struct):
    status: RunStatus
    published: bool
    since_s: float
    patience_s: float
    taken_since_s: float = float("inf")
    taken_patience_s: float = TAKEN_PATIENCE_S


class ScanWatch(msgspec.Struct):
    """The observations of one scan's runs."""

    spec: ScanSpec
    _sights: dict[str, _Sight] = msgspec.field(default_factory=dict)
    _published: int = 0

    def forget(self) -> None:
        """Redis was away: earlier observations say nothing about silence now."""
        for sight in self._sights.values():
            sight.since_s = sight.taken_since_s = float("inf")

    def look(
        self,
        statuses: Mapping[str, RunStatus],
        published: Mapping[str, bool],
        now_s: float,
        *,
        taken: Collection[str] = (),
        waits: Collection[str] = (),
    ) -> Sequence[Action]:
        """The actions after this sweep.

        Args:
            statuses: State of every run, in the scan's order.
            published: Whether a message of the run was ever stored.
            now_s: Monotonic seconds.
            taken: Runs whose queue is empty.
            waits: Runs whose message is in its queue: they wait, and all is well.
        """
        actions = []
        amount = sum(published.values())
        is_published, self._published = amount > self._published, amount
        before = ""
        for run, status in statuses.items():
            sight = self._see(run, status, now_s, published=published.get(run, False))
            sight.taken_since_s = min(sight.taken_since_s, now_s) if run in taken else float("inf")
            if run in waits or (is_published and not sight.published):  # a client is publishing others: it will come
                sight.since_s = now_s
            action = self._judge(run, status, sight, before, now_s)
            if action is not None:
                actions.append(action)
            if run not in self.spec.reused:  # a reused one never had a message
                before = run
        return actions

    def _see(self, run: str, status: RunStatus, now_s: float, *, published: bool) -> _Sight:
        sight = self._sights.get(run)
        if sight is None or sight.published != published or _is_news(sight.status, status):
            patience_s = FIRST_PATIENCE_S if published else UNPUBLISHED_PATIENCE_S
            sight = self._sights[run] = _Sight(status, published, now_s, patience_s)
        sight.since_s = min(sight.since_s, now_s)
        return sight

    def _judge(self, run: str, status: RunStatus, sight: _Sight, before: str, now_s: float) -> Action | None:
        silent_s = now_s - sight.since_s
        if status.state in OWNED:
            return self._of_owned(run, status, sight, silent_s, now_s)
        if status.state in TERMINAL or status.state is RunState.PENDING:
            return None
        if now_s - sight.taken_since_s >= sight.taken_patience_s:
            sight.taken_since_s, sight.taken_patience_s = now_s, min(sight.taken_patience_s * 2, LONGEST_PATIENCE_S)
        elif silent_s >= sight.patience_s:
            sight.since_s, sight.patience_s = now_s, min(sight.patience_s * 2, LONGEST_PATIENCE_S)
        else:
            return None
        # Only in a chain does a predecessor's message carry the next run's.
        if sight.published or not before or self.spec.mode is not ScanMode.CHAIN:
            return Action(run, Remedy.PUBLISH, status)
        return Action(run, Remedy.NUDGE, status, predecessor=before)

    def _of_owned(self, run: str, status: RunStatus, sight: _Sight, silent_s: float, now_s: float) -> Action | None:
        if silent_s < self.spec.lease_s:
            return None
        sight.since_s = now_s
        return Action(run, Remedy.LOSE if used_up(self.spec, status) else Remedy.REQUEUE, status)


def used_up(spec: ScanSpec, status: RunStatus) -> bool:
    """Whether a run has used all its attempts; those that were handed back do not count."""
    return status.attempt - status.handbacks >= spec.max_attempts


def _is_news(before: RunStatus, after: RunStatus) -> bool:
    return (before.state, before.attempt, before.beat, before.since_ms) != (
        after.state,
        after.attempt,
        after.beat,
        after.since_ms,
    )
