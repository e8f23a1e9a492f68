"""Compile errors in a listing: a line of marks, its place, then the meaning of each number.

   2  p(j) = 4;
****    $120,340,171
**** LINE      3 BATINCLUDE  /run/zz.dd
**** LINE     38 INPUT       /run/scen.run
**** 120  Unknown identifier entered as set
**** 340  A label/element with the same name exist. You may have forgotten
****         to quote a label/element reference. For example,
"""

from __future__ import annotations

import re

from times_doctor_tasks.parsers.events import ErrorLine

_MARKS = re.compile(r"\*{4} +\$")
_PLACE = re.compile(r"\*{4} LINE +(\d+) +[A-Z]+ +(.+?) *$")
_MEANING = re.compile(r"\*{4} {1,2}(\d{1,3})  (\S.*?) *$")
_MORE = re.compile(r"\*{4} {5,}(\S.*?) *$")
_ECHO = re.compile(r" *(\d+)  ")
#: Most errors kept: in a long listing they repeat.
MAX_COMPILE_ERRORS = 200


class CompileErrors:
    """Collects the compile errors of a listing."""

    def __init__(self) -> None:
        self.found: list[ErrorLine] = []
        self._place: tuple[str, int] | None = None
        self._marked = False
        self._open = False
        self._echoed = ""

    def stars(self, line: str, above: str) -> bool:
        """Whether `line` (it begins with four stars) was part of a compile error; `above` is the line before it."""
        if _MARKS.match(line):
            self._marked, self._open, self._place = True, False, None
            self._echoed = above
            return True
        if not self._marked:
            return False
        if match := _PLACE.match(line):
            # The innermost file comes first; those after it only include it.
            self._place = self._place or (match[2], int(match[1]))
            return True
        if match := _MEANING.match(line):
            self._add(int(match[1]), match[2])
            return True
        if self._open and (match := _MORE.match(line)):
            last = self.found[-1]
            if len(last.text) < 300:
                self.found[-1] = ErrorLine(f"{last.text} {match[1]}", last.file, last.line, last.code)
            return True
        return False

    def _add(self, code: int, text: str) -> None:
        self._open = len(self.found) < MAX_COMPILE_ERRORS
        if not self._open:
            return
        file, line = self._place or (None, self._echoed_line())
        self.found.append(ErrorLine(text, file, line, code))

    def _echoed_line(self) -> int | None:
        match = _ECHO.match(self._echoed)
        return int(match[1]) if match else None
