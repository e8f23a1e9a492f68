"""Whether the messages of waiting runs are all in their queues; one question per queue and sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from times_doctor_tasks.state_store.reader import Records

#: Seconds for which a queue may have fewer messages than waiting runs: a worker has just taken one.
SHORT_S = 10.0


class Backlog(msgspec.Struct):
    """The queues as one sweep sees them."""

    store: Records
    short_s: dict[str, float]
    """Queue to since when it is short, monotonic seconds; handed on from sweep to sweep."""
    now_s: float
    _queued: Counter[str] = msgspec.field(default_factory=Counter)
    _depths: dict[str, int] = msgspec.field(default_factory=dict)

    def count(self, waiting: Iterable[Mapping[str, str]]) -> None:
        """Waiting runs of every open scan: run to its queue."""
        for queues in waiting:
            self._queued.update(queues.values())
        for queue in list(self.short_s):
            if queue not in self._queued:
                del self.short_s[queue]

    def depth(self, queue: str) -> int:
        """Messages in the queue."""
        if queue not in self._depths:
            self._depths[queue] = self.store.waiting([queue])
            if self._depths[queue] >= self._queued[queue]:
                self.short_s.pop(queue, None)
            else:
                self.short_s.setdefault(queue, self.now_s)
        return self._depths[queue]

    def may_publish(self, queue: str) -> bool:
        """Whether the queue may get one more message: any number if it is empty, else as many as are missing."""
        if self.depth(queue) == 0:
            return True
        self._depths[queue] += 1
        return self._depths[queue] <= self._queued[queue]

    def is_whole(self, queue: str) -> bool:
        """Whether nothing seems to be missing there: each run has a message, or some were missing only for a moment."""
        return self.depth(queue) > 0 and self.now_s - self.short_s.get(queue, self.now_s) < SHORT_S
