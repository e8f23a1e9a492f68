"""Whether a model file is an LP, a MIP or a QP, read from its text as HiGHS 1.16 reads it."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from times_doctor_cli.run_folder.errors import DecimalComma, MisreadObjective
from times_doctor_tasks.profiles.profile import ModelClass

_CHUNK_BYTES = 8 * 1024**2
#: No chunk ends within a line, unless it is longer than this.
_MOST_LINE_BYTES = 8 * 1024**2
#: A line that belongs to the next one; no chunk ends with it. It is shorter than this; so many are passed.
_LINE_BYTES, _MOST_LINES = 2_000, 4_000
_OPENS = re.compile(rb"'MARKER'|^\s*[\w-]*\s*$")
#: After a line feed: `re` finds it ten times as fast as the beginning of a line.
_MPS_SECTION = re.compile(rb"\n([A-Za-z]+)")
#: A pair of markers with no column between them declares nothing.
_MPS_INTEGER_COLUMN = re.compile(rb"^[^*\n][^\n]*'INTORG'[^\n]*\n(?![^\n]*'MARKER')", re.MULTILINE)
_MPS_INTEGER_BOUND = re.compile(rb"\n[ \t]+(?:BV|LI|UI|SC|SI)[ \t]")
_MPS_ENTRY = re.compile(rb"^[ \t]+\S", re.MULTILINE)
#: HiGHS reads `1,5` as 1, without a warning.
_MPS_COMMA = re.compile(rb"(?<=[ \t])[-+]?\d+,\d[\d.,]*(?:[eEdD][-+]?\d+)?(?=\s)")
#: The rest of an OBJSENSE line: for `OBJSENSE MAXIMIZE`, or `MAX` alone, HiGHS silently minimises.
_MPS_SENSE = re.compile(rb"[ \t]*(?:MAX|MIN|MINIMI[SZ]E)?[ \t\r]*(?:\n|$)", re.IGNORECASE)
_MPS_OBJECTIVE = re.compile(rb"^[ \t]+N[ \t]+(\S+)", re.MULTILINE)
_MPS_NUMBERS = frozenset({b"COLUMNS", b"RHS", b"RANGES", b"BOUNDS"})
_LP_COMMENT = re.compile(rb"\\[^\n]*")
_LP_SECTIONS = rb"(?:generals?|gen|integers?|binary|binaries|bin|semi-continuous|semis?)"
_LP_INTEGERS = re.compile(
    rb"^[ \t]*" + _LP_SECTIONS + rb"\s+(?!(?:end|bounds?|free|sos\d?|" + _LP_SECTIONS + rb")\s)[^\s:]",
    re.MULTILINE | re.IGNORECASE,
)
_LP_SQUARE = re.compile(rb"(?:^|[\s+-])\[", re.MULTILINE)


def model_class_of(path: Path) -> ModelClass:
    """The class of a model file. An unreadable one counts as an LP: HiGHS then reports the error.

    Raises:
        OSError: the file cannot be opened.
        DecimalComma, MisreadObjective: HiGHS would read another model in an MPS file.
    """
    name = path.name.lower()
    judge = _lp_class if name.endswith(".lp") else _mps_class
    try:
        with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
            return judge(_chunks(file))
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return ModelClass.LP


def _chunks(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    """The text in pieces of whole lines."""
    while chunk := file.read(_CHUNK_BYTES):
        parts = [chunk, file.readline(_MOST_LINE_BYTES)]  # a file of zeros is one line of its whole size
        while 0 < len(parts[-1]) < _LINE_BYTES and len(parts) < _MOST_LINES and _OPENS.search(parts[-1]):
            parts.append(file.readline(_LINE_BYTES))
        yield b"".join(parts)


def _mps_class(chunks: Iterable[bytes]) -> ModelClass:
    """Integers are between markers or in the bounds, squares in QUADOBJ, QMATRIX, QSECTION or QCMATRIX."""
    integer = quadratic = False
    head: dict[bytes, bytes] = {}
    for section, text in _mps_sections(chunks):
        if section not in _MPS_NUMBERS:
            head.setdefault(section, text)
        if b"," in text and section in _MPS_NUMBERS and (comma := _MPS_COMMA.search(text)):
            raise DecimalComma(comma[0].decode())
        if section == b"COLUMNS":
            integer = integer or (b"'INTORG'" in text and bool(_MPS_INTEGER_COLUMN.search(text)))
        elif section == b"BOUNDS":
            integer = integer or bool(_MPS_INTEGER_BOUND.search(text))
        elif section.startswith(b"Q"):
            quadratic = quadratic or bool(_MPS_ENTRY.search(text))
    _check_objective(head)
    return ModelClass.of(integer=integer, quadratic=quadratic)


def _check_objective(head: dict[bytes, bytes]) -> None:
    """Raises if HiGHS takes another objective, or another sense, than the sections of an MPS file say."""
    for section in (b"OBJSENSE", b"MAX", b"MAXIMIZE", b"MAXIMISE"):
        if section in head and not (section == b"OBJSENSE" and _MPS_SENSE.match(head[section])):
            line = (section + head[section].partition(b"\n")[0]).decode(errors="replace").strip()
            raise MisreadObjective(line, "Write OBJSENSE on a line of its own, and MAX on the next one.")
    named = head.get(b"OBJNAME", b"").split()
    first = _MPS_OBJECTIVE.search(head.get(b"ROWS", b""))
    if named and first and named[0] != first[1]:
        name = named[0].decode(errors="replace")
        raise MisreadObjective(f"OBJNAME {name}", f"Make {name} the first row of type N, and delete OBJNAME.")


def _mps_sections(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(name, text after its header) of each section; one longer than a chunk comes in several."""
    section = b""
    for chunk in chunks:
        text, start = b"\n" + chunk, 0
        for header in _MPS_SECTION.finditer(text):
            yield section, text[start : header.start() + 1]
            section, start = header[1].upper(), header.end()
        yield section, text[start:]


def _lp_class(chunks: Iterable[bytes]) -> ModelClass:
    """Integers have separate sections, squares are in square brackets."""
    integer = quadratic = False
    for chunk in chunks:
        text = _LP_COMMENT.sub(b"", chunk) if b"\\" in chunk else chunk
        integer = integer or bool(_LP_INTEGERS.search(text))
        quadratic = quadratic or bool(b"[" in text and _LP_SQUARE.search(text))
    return ModelClass.of(integer=integer, quadratic=quadratic)
