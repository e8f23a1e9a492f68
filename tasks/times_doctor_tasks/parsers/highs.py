"""The log of HiGHS."""

from __future__ import annotations

from times_doctor_tasks.parsers.events import LogEvent


class HighsLogReader:
    """Turns the text of a bare HiGHS log into events, incrementally."""

    def feed(self, text: str) -> list[LogEvent]:
        """Events of the lines that `text` completes."""
        raise NotImplementedError

    def close(self) -> list[LogEvent]:
        """Events of a last line without its end."""
        raise NotImplementedError
