"""Compile-time variables that the model needs but never sets: only the command line can set them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from times_doctor_cli.run_folder.caseless_names import base_of
from times_doctor_cli.run_folder.gams.macros import Macros
from times_doctor_tasks.contract.wording import some_of

#: Commands that stop GAMS: after `$if not set CASE` they show that the caller must set CASE.
ABORTS = frozenset({"abort", "error", "terminate", "stop"})
_NOT_SET = re.compile(r"not\s+set(?:global|local)?\s+([A-Za-z_]\w*)", re.IGNORECASE)


class _Need(msgspec.Struct):
    name: str
    places: dict[str, None] = msgspec.field(default_factory=dict)
    fitting: set[str] = msgspec.field(default_factory=set)
    """Values for which an include names an existing file."""


class Needs:
    """The variables without a value, where they matter, and possible values."""

    def __init__(self, macros: Macros) -> None:
        self._macros = macros
        self._needs: dict[str, _Need] = {}

    def note(self, text: str, where: str, files: Iterable[str] = ()) -> None:
        """A place whose text must be known; `files`: names that an include may mean."""
        names = self._macros.unset(text)
        for name in names:
            self.add(name, where)
        if len(names) == 1:
            self._needs[names[0].lower()].fitting.update(_fitting(base_of(text), names[0], files))

    def add(self, name: str, where: str) -> None:
        """A place that needs a variable."""
        self._needs.setdefault(name.lower(), _Need(name)).places[where] = None

    def lacking(self, condition: str) -> str:
        """The variable that a condition finds unset (`not set CASE`); else empty."""
        match = _NOT_SET.match(condition)
        return match[1] if match and not self._macros.values(match[1]) else ""

    def pairs(self) -> list[tuple[str, str]]:
        """(variable, place) of all of them."""
        return [(need.name, place) for need in self._needs.values() for place in need.places]

    def sentences(self, set_by_source: Iterable[str]) -> Iterator[str]:
        """One for each variable; `set_by_source`: those that the TIMES source sets, in lower case."""
        known = set(set_by_source)
        for need in (need for key, need in self._needs.items() if key not in known):
            fits = f" Values that fit: {some_of(sorted(need.fitting), 8)}." if need.fitting else ""
            yield (
                f"{need.name} has no value: nothing here sets it, and {some_of(list(need.places), 5)} "
                f"need{'s' if len(need.places) == 1 else ''} it. Give it: --gams-arg {need.name}=VALUE.{fits}"
            )


def _fitting(written: str, name: str, files: Iterable[str]) -> Iterator[str]:
    parts = re.split(f"%{re.escape(name)}%", written, flags=re.IGNORECASE)
    if len(parts) == 2 and "%" not in parts[0] + parts[1]:
        pattern = re.compile(f"{re.escape(parts[0])}(.+){re.escape(parts[1])}", re.IGNORECASE)
        yield from (match[1] for file in files if (match := pattern.fullmatch(file)))
