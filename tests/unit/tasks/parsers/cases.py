"""Corpus cases: what real GAMS runs left, and what is true of them.

Another corpus of the same form can be read instead of the committed one: TIMES_DOCTOR_CORPUS names its folder.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from times_doctor_tasks.parsers.events import LogEvent
from times_doctor_tasks.parsers.gams.log import GamsLogReader
from times_doctor_tasks.results.run_files import RunFiles
from times_doctor_tasks.results.run_reader import RunReading, read_run

ROOT = Path(os.environ.get("TIMES_DOCTOR_CORPUS") or Path(__file__).parents[3] / "data" / "corpus")
FILES = ("log.txt", "listing.lst", "trace.txt")


@dataclass(frozen=True)
class Case:
    name: str

    def content(self, file: str) -> bytes | None:
        plain = ROOT / self.name / file
        if plain.exists():
            return plain.read_bytes()
        packed = plain.with_name(file + ".gz")
        return gzip.decompress(packed.read_bytes()) if packed.exists() else None

    @property
    def meta(self) -> dict[str, Any]:
        return _meta(self.name)

    @property
    def log(self) -> str:
        return (self.content("log.txt") or b"").decode("utf-8", errors="replace")


@cache
def _meta(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Case(name).content("meta.json") or b"{}")
    return loaded


def cases(*, own: bool) -> list[str]:
    """Names of the cases: `own` are those whose truth is only GAMS's trace record and a verdict."""
    return sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name.startswith("own_") == own)


@cache
def events_of(name: str) -> tuple[LogEvent, ...]:
    reader = GamsLogReader()
    return (*reader.feed(Case(name).log), *reader.close())


@cache
def reading_of(name: str) -> RunReading:
    case = Case(name)
    return read_contents({file: case.content(file) for file in FILES}, returncode=case.meta.get("returncode"))


def read_contents(contents: dict[str, bytes | None], *, returncode: int | None) -> RunReading:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for file, content in contents.items():
            if content is not None:
                (folder / file).write_bytes(content)
        log, listing, trace = (folder / file if contents.get(file) is not None else None for file in FILES)
        return read_run(RunFiles(log, listing, trace, returncode))


def prefixes(content: bytes, count: int) -> Iterator[bytes]:
    """`count` beginnings of `content`, of growing length."""
    for place in range(1, count + 1):
        yield content[: len(content) * place // (count + 1)]
