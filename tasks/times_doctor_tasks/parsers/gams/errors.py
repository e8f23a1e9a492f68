"""Errors and licence messages in a GAMS log: lines that begin with three stars, and what is indented below them."""

from __future__ import annotations

import re

from times_doctor_tasks.parsers.events import ErrorLine, LicenceMessage, SolverMessage
from times_doctor_tasks.parsers.sink import EventSink

_NUMBERED = re.compile(r"\*\*\* Error +(\d+) in (.+?)(?:\[ERR:\"(.*?)\",(\d+),\d+\].*)?$")
_AT_LINE = re.compile(r"\*\*\* (?:Exec )?Error at line (\d+): *(.*)$")
_PLAIN = re.compile(r"(?:gams)?\s*: +(\*+ *(?:Value )?Error\b.*)$")
#: Messages of GAMS and its links about a licence that does not allow this run.
_LICENCE_FATAL = re.compile(
    r"licen[sc]e.*(?:exceed|expired|invalid|not valid|could not|cannot|missing|not found|problem|denied|no longer)"
    r"|(?:exceeds|exceeded) the .*licen[sc]e|no (?:valid |solver )?licen[sc]e|not licen[sc]ed"
    r"|exceeds .*(?:demo|community) licen[sc]e|does not match licen[sc]e|exceeds licensed "
    r"|too young for this licen[sc]e|licen[sc]e server when|checkout of network licen[sc]es? expired"
    r"|not included in your licen[sc]e|licen[sc]e does not allow"
    r"|licensing (?:error|problem)|(?:cannot|could not|unable to) (?:read|open|find) .*licen[sc]e",
    re.IGNORECASE,
)
_LICENCE = re.compile(r"licen[sc]e", re.IGNORECASE)
#: Lines with three stars that are not errors.
_HARMLESS = re.compile(
    r"\*+ *$|\*+ *(?:Reading with solveopt|Errors have been cleared|\d+ Warnings?|Warning|WARNING|Note|Log reopend"
    r"|Logging to|Workfile|License file:|Inspect listing|SysMsg|Msg ?=|Msg:)",
    re.IGNORECASE,
)
#: Lines below an error that are kept as part of its text.
_MAX_BELOW = 3


def licence_problem(text: str) -> bool:
    """Whether `text` says that the licence does not allow this run."""
    return "licen" in text.lower() and _LICENCE_FATAL.search(text) is not None


def _said(line: str) -> str:
    """The text of an error line, without stars and the word Error in front."""
    return line.strip("* \t").removeprefix("Error").lstrip(": ")


class ErrorLines:
    """Collects one error and the lines below it, then puts it into a sink."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self.held: ErrorLine | None = None
        self._below: list[str] = []

    def stars(self, line: str, *, in_solve: bool) -> None:
        """A line that begins with three stars."""
        if self.held is not None and line.startswith(("*** Msg", "*** SysMsg")):
            self._below.append(line.partition("=")[2].strip() or line[4:].partition(":")[2].strip())
            return
        if self.held is not None and self.held.text.endswith(":"):
            self.held = ErrorLine(f"{self.held.text} {_said(line)}")
            return
        self.flush()
        if match := _NUMBERED.match(line):
            at = int(match[4]) if match[4] else None
            self.held = ErrorLine("", match[3] or match[2].strip(), at, int(match[1]))
        elif match := _AT_LINE.match(line):
            self._sink.add(ErrorLine(match[2].strip(), None, int(match[1])))
        elif licence_problem(line):
            self._sink.add(LicenceMessage(_said(line).rstrip(": "), fatal=True))
        elif _HARMLESS.match(line):
            if in_solve and "arning" in line.lower():
                self._sink.add(SolverMessage(line.strip("* \t")))
        elif _LICENCE.search(line):
            self._sink.add(LicenceMessage(line.strip("* \t"), fatal=False))
        elif in_solve:
            self._sink.add(ErrorLine(_said(line)))
        else:
            self.held = ErrorLine(_said(line))

    def holds(self, line: str) -> bool:
        """Whether `line` belongs to the error above it; anything else completes that error."""
        if self.held is None:
            return False
        if line.startswith("    ") and line.strip():
            if len(self._below) < _MAX_BELOW:
                self._below.append(line.strip())
            return True
        self.flush()
        return False

    def plain(self, line: str) -> None:
        """A line without stars that may still be an error: GAMS about its own command line."""
        match = _PLAIN.match(line)
        if match is not None and "Parameter error(s)" not in match[1]:
            self._sink.add(ErrorLine(_said(match[1])))

    def flush(self) -> None:
        """Put the held error into the sink."""
        if self.held is None:
            return
        held, self.held = self.held, None
        text = ": ".join(part for part in (held.text, " ".join(self._below)) if part)
        self._below = []
        self._sink.add(ErrorLine(text, held.file, held.line, held.code))
