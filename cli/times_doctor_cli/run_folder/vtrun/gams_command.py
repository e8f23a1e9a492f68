"""A GAMS command line as written: driver, folders and parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

#: `--NAME=value` as GAMS takes it.
DOUBLE_DASH = re.compile(r"(?:--|-/|//|/-)([A-Za-z_][\w.]*)(?:=(.*))?", re.DOTALL)
_OPTION = re.compile(r"[-/]?([A-Za-z][A-Za-z0-9]*)=(.*)", re.DOTALL)
_BARE = re.compile(r"[-/]?([A-Za-z][A-Za-z0-9]*)")
_IDIR = re.compile(r"(?:idir|inputdir)(\d*)", re.IGNORECASE)
#: Options that take their value from the next word if there is no `=`.
_TAKES_WORD = frozenset(
    {"o", "output", "lo", "logoption", "lf", "logfile", "r", "restart", "s", "save", "gdx", "ps", "pagesize", "pw"}
    | {"pf", "parmfile", "curdir", "wdir", "workdir", "lp", "mip", "rmip", "nlp", "optfile", "threads", "reslim"}
    | {"optcr", "optca", "iterlim", "filecase", "idir", "inputdir", "ide", "errmsg", "al", "appendlog"}
)


class Gdx2Veda(msgspec.Struct, frozen=True):
    """A call of `gdx2veda` after GAMS, as text."""

    source: str
    """The source: "VTRUN.CMD line 6"."""
    definition: str
    """Path of the VEDA data definition."""
    name: str
    """Name of the files that it makes, without `.vd`."""


class GamsCall(msgspec.Struct):
    """One start of GAMS, as text; paths as they were written."""

    source: str
    """The source: "VTRUN.CMD line 5"."""
    folder: Path
    """The working directory."""
    driver: str = ""
    idirs: list[str] = msgspec.field(default_factory=list)
    """In the order GAMS looks."""
    parameters: list[tuple[str, str]] = msgspec.field(default_factory=list)
    """("--NAME", value) and (option in lower case, value)."""
    restart: str | None = None
    gdxpath: str | None = None
    parmfile: str | None = None
    needs: list[tuple[str, str]] = msgspec.field(default_factory=list)
    """Variables that it needs but that have no value, with their place: only the caller can set them."""
    veda: Gdx2Veda | None = None


def is_gams(word: str) -> bool:
    r"""Whether a command word starts GAMS.

    >>> [is_gams(word) for word in (r"C:\GAMS\42\gams.exe", "GAMS", "=gams", "gdx2veda", "vt_gams")]
    [True, True, True, False, False]
    """
    return re.split(r"[\\/]", word.strip('="'))[-1].lower() in ("gams", "gams.exe")


def read_gams_words(words: Sequence[str], call: GamsCall) -> GamsCall:
    """Fill `call` from the words after `gams`."""
    numbered: list[tuple[int, str]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0).strip()
        if double := DOUBLE_DASH.fullmatch(word):
            value = double[2] if double[2] is not None else (rest.pop(0) if rest else "")
            _keep(call, f"--{double[1]}", value)
        elif option := _OPTION.fullmatch(word):
            _read_option(call, numbered, option[1], option[2])
        elif (bare := _BARE.fullmatch(word)) and bare[1].lower() in _TAKES_WORD and rest and call.driver:
            _read_option(call, numbered, bare[1], rest.pop(0))
        elif not call.driver and word and not word.startswith("-"):
            call.driver = word.strip('"')
    call.idirs += [text for _, text in sorted(numbered, key=lambda item: item[0])]
    return call


def _read_option(call: GamsCall, numbered: list[tuple[int, str]], name: str, value: str) -> None:
    key, value = name.lower(), value.strip().strip('"')
    if idir := _IDIR.fullmatch(name):
        if value:
            numbered += [(int(idir[1] or 0), part) for part in _split_folders(value)]
    elif key in ("r", "restart"):
        call.restart = value or None
    elif key in ("pf", "parmfile"):
        call.parmfile = value
    elif key in ("i", "input"):
        call.driver = value
    elif key in ("curdir", "wdir", "workdir"):
        call.parameters.append(("curdir", value))
    else:
        call.parameters.append((key, value))


def _split_folders(value: str) -> list[str]:
    """`a;b` on Windows, `a:b` on POSIX, where a colon is no drive's."""
    parts = value.split(";")
    if len(parts) == 1 and not re.match(r"[A-Za-z]:", value):
        parts = value.split(":")
    return [part for part in parts if part.strip()]


def _keep(call: GamsCall, name: str, value: str) -> None:
    value = value.strip().strip('"')
    if name.lower() == "--gdxpath":
        call.gdxpath = value
    else:
        call.parameters.append((name, value))


def parmfile_words(text: str) -> list[str]:
    """The words of a GAMS parameter file (`pf=`): one `name value` or `name=value` a line, `*` begins a comment.

    >>> parmfile_words("InputDir1   source\\n* no\\nlo=2\\n")
    ['InputDir1=source', 'lo=2']
    """
    words = []
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith("*"):
            name, value = [*re.split(r"[=\s]", line, maxsplit=1), ""][:2]
            words.append(f"{name}={value.strip(' =')}")
    return words
