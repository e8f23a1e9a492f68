"""The progress of a transfer, added up over its threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

OnSent: TypeAlias = Callable[[int, int], None]
"""Called now and then during a transfer: bytes done, bytes to do, both before compression."""


class Tally:
    """Calls `on_sent` for each piece, from one thread at a time."""

    def __init__(self, total_bytes: int, on_sent: OnSent | None) -> None:
        self._total_bytes = total_bytes
        self._on_sent = on_sent
        self._done_bytes = 0
        self._lock = threading.Lock()

    def add(self, size_bytes: int) -> None:
        """Adds to the progress."""
        if self._on_sent is None:
            return
        with self._lock:
            self._done_bytes += size_bytes
            self._on_sent(self._done_bytes, self._total_bytes)
