"""The dollar lines of GAMS text, which decide the other files that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from times_doctor_cli.run_folder.hash_cache import FileUnreadable

#: Longer lines are not dollar lines (GAMS's limit is 80,000 characters).
MAX_LINE_BYTES = 100_000
#: Files up to this size are searched for statements that load a GDX file at run time: larger ones are data.
MAX_CODE_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 4 * 1024 * 1024
_MAX_INDENT = 200
_BOM = b"\xef\xbb\xbf"
_LOAD = re.compile(
    rb"""^(?![*$])[^\n]*?\b(execute_load(?:point|dc|handle)?|execute\s*\.\s*load\w*)\s+(?:'([^'\n]*)'|"([^"\n]*)"|([^\s,;'"(]+))""",
    re.IGNORECASE | re.MULTILINE,
)
_TEXT_BEGINS = ("ontext", "onecho", "onput", "onembedded")
_TEXT_ENDS = ("offtext", "offecho", "offput", "offembedded")
_VARIABLES = re.compile(rb"(?:%[A-Za-z_]\w*%)+")
_VARIABLE = re.compile(rb"%([A-Za-z_]\w*)%")
_DIRECTIVE = re.compile(r"\s*([A-Za-z]+)(?:\.[A-Za-z0-9_]+)?[ \t]*(.*)", re.DOTALL)


class DollarLine(msgspec.Struct, frozen=True):
    """One line that begins with `$`, blanks and `$$`, or variables that may be empty: `%x%$include`."""

    number: int
    text: str
    """The text after the `$`, as latin-1: one character per byte, so that nothing is lost."""
    prefix: str = ""
    """Variables before the `$`; one with the value `*` makes the line a comment."""


class Load(msgspec.Struct, frozen=True):
    """A statement that loads a GDX file at run time."""

    number: int
    written: str


def split_directive(text: str) -> tuple[str, str]:
    """Keyword in lower case, and what follows it; tags (`ifthen.two`) are dropped, and switches before it.

    >>> split_directive("   BATINCLUDE initsys.mod  ")
    ('batinclude', 'initsys.mod')
    >>> split_directive("ifThen.two set x")
    ('ifthen', 'set x')
    >>> split_directive("offlisting $include x.inc")
    ('include', 'x.inc')
    """
    match = _DIRECTIVE.match(text.lstrip("$"))
    keyword, rest = (match[1].lower(), match[2].strip()) if match else ("", "")
    takes_none = keyword.startswith(("on", "off")) and not keyword.startswith(_TEXT_BEGINS + _TEXT_ENDS)
    return split_directive(rest) if takes_none and rest else (keyword, rest)


def dollar_lines(path: Path) -> list[DollarLine]:
    """The dollar lines of a file, in order; at more than 500 MB/s, in constant memory.

    Raises:
        FileUnreadable: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return list(_scan(stream))
    except OSError as exc:
        raise FileUnreadable(str(path), exc.strerror or str(exc)) from exc


def _scan(stream: BinaryIO) -> Iterator[DollarLine]:
    rest, number = b"\n", 0  # with a newline before it, the first line is like every other
    more = first = True
    while more:
        chunk = stream.read(_CHUNK_BYTES)
        more = len(chunk) == _CHUNK_BYTES
        data = rest + (chunk.removeprefix(_BOM) if first else chunk)
        first = False
        end = data.rfind(b"\n") if more else len(data)
        if end < 0 or len(data) - end > MAX_LINE_BYTES:
            end = len(data)  # no dollar line is as long as its last one
        counted = start = 0
        while (hit := data.find(b"$", start, end)) >= 0:  # one byte: ten times as fast as two
            start = hit + 1
            prefix = _prefix(data, hit)
            if prefix is None:
                continue
            number += data.count(b"\n", counted, hit)
            counted = hit
            start = data.find(b"\n", hit, end)
            start = end if start < 0 else start
            if start - hit <= MAX_LINE_BYTES:
                yield DollarLine(number, _text(data[hit:start]), prefix)
        if more:  # later line numbers depend on every line end in this chunk
            number += data.count(b"\n", counted, end)
        rest = data[end:]


def _prefix(data: bytes, at: int) -> str | None:
    """The variables before a `$` that begins a line, mostly none; None where it does not begin one."""
    before = data[at - 1 : at]
    if before == b"\n":
        return ""
    if before != b"%" and data[at + 1 : at + 2] != b"$":
        return None
    line_end = data.rfind(b"\n", max(0, at - _MAX_INDENT), at)
    text = data[line_end + 1 : at] if line_end >= 0 else b"?"
    if before == b"%":
        return text.decode("latin-1") if _VARIABLES.fullmatch(text) else None
    return None if text.strip() else ""


def _text(line: bytes) -> str:
    return line.rstrip(b"\r")[1:].decode("latin-1")


def gdx_loads(path: Path) -> list[Load]:
    """The statements of a (small) file that load a GDX file while the model runs."""
    data = _code(path)
    if b"xecute" not in data.lower():
        return []
    return [
        Load(data.count(b"\n", 0, match.start(1)) + 1, (match[2] or match[3] or match[4] or b"").decode("latin-1"))
        for match in _LOAD.finditer(data)
    ]


def code_variables(path: Path) -> Iterator[tuple[int, str]]:
    """(line, name) of each `%name%` in the statements of a (small) file: no comments, dollar lines, blocks of text."""
    data = _code(path)
    is_text = False
    for number, line in enumerate(data.split(b"\n") if b"%" in data else (), 1):
        if line.startswith(b"$"):
            keyword = split_directive(_text(line))[0]
            is_text = keyword.startswith(_TEXT_BEGINS) or (is_text and not keyword.startswith(_TEXT_ENDS))
        elif not is_text and not line.startswith(b"*"):
            yield from ((number, match[1].decode()) for match in _VARIABLE.finditer(line))


def commented_lines(path: Path, begin: str, end: str) -> frozenset[int]:
    """The lines of a (small) file that begin inside a block of comment."""
    data, found = _code(path), set[int]()
    for match in re.finditer(re.escape(begin).encode() + b".*?" + re.escape(end).encode(), data, re.DOTALL):
        first = data.count(b"\n", 0, match.start()) + 2
        found.update(range(first, first + match[0].count(b"\n")))
    return frozenset(found)


def _code(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= MAX_CODE_BYTES else b""
    except OSError as exc:
        raise FileUnreadable(str(path), exc.strerror or str(exc)) from exc


def name_text(written: str) -> str:
    """A file name out of latin-1 text, as the file system has it: UTF-8 where it is that, else Windows' own.

    >>> name_text("Ã\\x89tÃ©.dd"), name_text("\\xc9t\\xe9.dd")
    ('Été.dd', 'Été.dd')
    """
    raw = written.encode("latin-1", errors="replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")
