"""How solver links of GAMS report on an option file, in one of two forms.

Now (CPLEX, Gurobi, Xpress of GAMS 5x), with `...` in place of `---` in some links:

    --- Reading option file '/run/cplex.opt':
    --- Setting 'epopt': 0.1 (orig: 5)
    --- Ignoring 'nosuch 3': invalid format or invalid option name.
    *** Warning: Ignoring 'nosuch 3': invalid format or invalid option name.

Before, and still with COPT, MOSEK, CBC, CONOPT; an error follows the line it is about:

    Reading parameter(s) from "/run/copt.opt"
    >>  nosuch 3
    *** Error line 2: Unknown option "nosuch"
    >>  timelimit abc
    *** Value Error line 3: Double expected for option "timelimit" saw "abc"
    *** Value Error line 3:    Option ignored
    Finished reading from "/run/copt.opt"
"""

from __future__ import annotations

import re

from times_doctor_tasks.parsers.events import OptionFileMissing, OptionFileRead, OptionIgnored, OptionSet
from times_doctor_tasks.parsers.sink import EventSink

_MARK = r"(?:---|\.\.\.|\*\*\* Warning:) +"
_READING = re.compile(_MARK + r"Reading option file '(.*?)'(?: failed: *(.*?)|:?) *$")
_SETTING = re.compile(_MARK + r"Setting '([^']*)': ?(.*?)(?: +\(orig: ?(.*)\))? *$")
_IGNORING = re.compile(_MARK + r"Ignoring '(.*)': *(.*?) *$")
_OLD_READING = re.compile(r'Reading parameter\(s\) from "(.*)"')
_OLD_MISSING = re.compile(r'\*\*\* Error +Cannot open parameter file "(.*)"')
_OLD_ECHO = re.compile(r">> +(\S+?)(?: *[= ] *(.*?))? *$")
_OLD_ERROR = re.compile(r"\*\*\* (?:Value )?Error(?: line +\d+)?: *(.*?) *$")
#: What GAMS calls its own command line in the same form: not an option file.
_COMMAND_LINE = "command line args"


class OptionEcho:
    """Reads the option lines of one solve into a sink."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self.inside = False
        self._echoed: str | None = None
        self._why: list[str] = []

    def read(self, line: str) -> bool:
        """Whether `line` was about options; if so its events are in the sink."""
        if self.inside:
            return self._old(line)
        if line.startswith(("--- ", "... ", "*** ")):
            return self._new(line)
        if match := _OLD_READING.match(line):
            if match[1] != _COMMAND_LINE:
                self._sink.add(OptionFileRead(match[1]))
            self.inside = True
            return True
        return False

    def flush(self) -> None:
        """Emit the held event: an echoed option, which an error might have followed."""
        if self._echoed is None:
            return
        text, self._echoed = self._echoed, None
        if self._why:
            self._sink.add(OptionIgnored(text, " ".join(self._why)))
            self._why = []
        elif match := _OLD_ECHO.match(">> " + text):
            self._sink.add(OptionSet(match[1], match[2] or ""))

    def _old(self, line: str) -> bool:
        if line.startswith(">>"):
            self.flush()
            self._echoed = line[2:].strip()
            return True
        if line.startswith("***"):
            if self._echoed is not None and (match := _OLD_ERROR.match(line)):
                self._why.append(match[1])
            return True
        self.flush()
        self.inside = False
        return line.startswith("Finished reading from")

    def _new(self, line: str) -> bool:
        if "'" not in line and '"' not in line:
            return False
        if match := _SETTING.match(line):
            self._sink.add(OptionSet(match[1], match[2], match[3]))
        elif match := _IGNORING.match(line):
            self._sink.add(OptionIgnored(match[1], match[2]))
        elif match := _READING.match(line):
            self._sink.add(OptionFileRead(match[1]) if match[2] is None else OptionFileMissing(match[1], match[2]))
        elif match := _OLD_MISSING.match(line):
            self._sink.add(OptionFileMissing(match[1], "Cannot open file."))
        else:
            return False
        return True
