"""The text of a log or listing as its program wrote it.

Users often have a changed copy: PowerShell redirects in UTF-16, a mail quotes with `> `, a notebook indents, a build
server puts the time before each line, a terminal's recording has colours.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from times_doctor_tasks.parsers.lines import LineBuffer, left_out
from times_doctor_tasks.results.long_files import span_pieces, spans

#: Of a longer log only the two ends are read, each of this many bytes. The worst lines take about a second per
#: megabyte.
WHOLE_BYTES, END_BYTES = 64 << 20, 4 << 20
#: The same for a listing, most of whose lines are skipped.
LISTING_BYTES, LISTING_END_BYTES = 256 << 20, 8 << 20
#: Bytes of a file's beginning and end that decide what it is.
_SAMPLE_BYTES = 16_384
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
#: Texts that are always at the beginning of a line in a log or listing.
_MARKS = (
    r"(?:--- (?:Job \S|Starting |Executing |Generating |GAMS Parameters|Reading solution )|\*{3} Status: "
    r"|\*{4} (?:SOLVER|MODEL) STATUS |GAMS (?:Rev \d+ +)?\d+\.\d+.* Page \d|Running HiGHS \d|Coefficient ranges:"
    r"|Presolving model|Solving report|Model +status +: |Setting HiGHS |(?:LP|MIP|QP|MIQP) .*has \d+ rows?; \d+ cols?;"
    r"|IBM ILOG CPLEX|Version identifier: \d|Gurobi Optimizer version|FICO Xpress |Using Cardinal Opt|ERROR: {3}\S)"
)
_AT_BEGIN = re.compile(f"^{_MARKS}", re.MULTILINE)
_BEHIND = re.compile(f"^(.{{1,120}}?){_MARKS}", re.MULTILINE)
#: A terminal's colours and other escapes, and bytes that no text has.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])|[\x00\x07]")
#: Ends that no cut produces: a last line without line end is complete if it ends like this.
_WHOLE = re.compile(r"(?:\d\.\d+[eE][+-]\d\d|: +(?:Optimal|Infeasible)|(?:Infeasible|[Uu]nbounded) model) *$")
#: The longest line that may be one.
_WHOLE_CHARS = 200
#: Parts of a prefix that differ from line to line: times, numbers, levels such as INFO.
_VARYING = re.compile(r"\d+|[A-Z]{4,}|[^\dA-Z]+|[A-Z]")


def pieces(path: Path, *, whole_bytes: int | None = None, end_bytes: int | None = None) -> Iterator[str]:
    """The text in pieces, decoded, without prefixes of lines; of a very long log its two ends (see `left_out`)."""
    with path.open("rb") as stream:
        head = stream.read(_SAMPLE_BYTES)
        encoding = _encoding(head)
        line_end = _line_end(head)
        clean = _cleaning(head.decode(encoding, errors="replace").replace(line_end, "\n"))
        at = 0
        for start, end in spans(stream, whole_bytes=whole_bytes or WHOLE_BYTES, end_bytes=end_bytes or END_BYTES):
            if start > at:
                yield f"\n{left_out(start - at)}\n"
                encoding, start = _without_bom(encoding, head), start + start % 2
            decode = codecs.getincrementaldecoder(encoding)(errors="replace").decode
            lines, last = LineBuffer(), ""
            for chunk in span_pieces(stream, start, end):
                text = decode(chunk).replace(line_end, "\n")
                last = f"{last}{text}".rpartition("\n")[2][-_WHOLE_CHARS:]
                yield text if clean is None else "".join(f"{clean(line)}\n" for line in lines.feed(text))
            at = end
            if _WHOLE.search(last):
                yield "\n" if clean is None else f"{clean(last)}\n"


def lines_of(path: Path) -> Iterator[str]:
    """The complete lines of a listing; a last line without its end was cut off and is dropped."""
    lines = LineBuffer()
    for text in pieces(path, whole_bytes=LISTING_BYTES, end_bytes=LISTING_END_BYTES):
        yield from lines.feed(text)


def sample(path: Path) -> str:
    """Beginning and end of the text, as `pieces` gives it."""
    found = path.stat()
    return _sample(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=16)
def _sample(path: Path, size: int, _changed_ns: int) -> str:
    with path.open("rb") as stream:
        raw = stream.read(_SAMPLE_BYTES)
        encoding = _encoding(raw)
        text = raw.decode(encoding, errors="replace")
        if size > len(raw):
            # Even, so that no character of UTF-16 is cut in two.
            stream.seek(max(len(raw), (size - _SAMPLE_BYTES) // 2 * 2))
            text += "\n" + stream.read(2 * _SAMPLE_BYTES).decode(_without_bom(encoding, raw), errors="replace")
    text = text.replace("\r\n", "\n").replace(_line_end(raw), "\n")
    clean = _cleaning(text)
    return text if clean is None else "\n".join(map(clean, text.split("\n")))


def _encoding(head: bytes) -> str:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    # The end of a UTF-16 file, cut off: every second byte of English text is 0.
    zeros = head[1::2].count(0), head[::2].count(0)
    if max(zeros) * 3 > len(head):
        return "utf-16-le" if zeros[0] > zeros[1] else "utf-16-be"
    return "utf-8"


def _line_end(head: bytes) -> str:
    """What ends a line: a carriage return alone where there is no line feed."""
    return "\r" if b"\r" in head and b"\n" not in head else "\n"


def _without_bom(encoding: str, head: bytes) -> str:
    if encoding == "utf-16":
        return "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    return encoding.removesuffix("-sig")


def _cleaning(text: str) -> Callable[[str], str] | None:
    """A function that restores a line as its program wrote it; None if nothing was added."""
    before = _put_before(_ESCAPES.sub("", text))
    if before is None and not _ESCAPES.search(text):
        return None
    return lambda line: _without(before, _ESCAPES.sub("", line))


def _put_before(text: str) -> re.Pattern[str] | None:
    """A pattern of the prefix of each line; None if there is none.

    >>> _put_before("2024-10-01 INFO > --- Job a").pattern
    '\\\\d+\\\\-\\\\d+\\\\-\\\\d+\\\\ [A-Z]+\\\\ >\\\\ '
    """
    if _AT_BEGIN.search(text):
        return None
    found = Counter("".join(map(_general, _VARYING.findall(match[1]))) for match in _BEHIND.finditer(text))
    return re.compile(found.most_common(1)[0][0]) if found else None


def _general(part: str) -> str:
    return r"\d+" if part.isdecimal() else "[A-Z]+" if part.isupper() and len(part) > 3 else re.escape(part)


def _without(before: re.Pattern[str] | None, line: str) -> str:
    if before is None:
        return line
    match = before.match(line)
    if match is not None:
        return line[match.end() :]
    # An empty line lost the blanks at its end.
    return "" if before.fullmatch(f"{line} ") else line
