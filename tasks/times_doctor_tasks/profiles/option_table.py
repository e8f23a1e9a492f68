"""Which options a solver has, and which values each takes: as data, written by `tools/option_tables.py`."""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["boolean", "integer", "double", "word", "text"]
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_TRUE, _FALSE = ("true", "t", "1", "on"), ("false", "f", "0", "off")
#: A bound from here on is none.
_NO_BOUND = 2**31 - 1


@dataclass(frozen=True, slots=True)
class OptionRecord:
    """One option: its kind, and the range or the words that it takes."""

    kind: Kind
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @classmethod
    def of(cls, parts: list[str | float | None]) -> OptionRecord:
        """From a line of a table: [kind], [kind, low, high] or ["word", choice, ...]."""
        kind = msgspec.convert(parts[0], Kind)
        if kind == "word":
            return cls(kind, choices=tuple(str(part) for part in parts[1:]))
        low, high = msgspec.convert(parts[1:] or (None, None), tuple[float | None, float | None])
        return cls(kind, low, high)

    def takes(self, value: str) -> bool:
        """Whether a value is of the right kind and in range."""
        if self.kind == "boolean":
            return value.lower() in (*_TRUE, *_FALSE)
        if self.kind == "word":
            return value.lower() in (choice.lower() for choice in self.choices)
        if self.kind == "text":
            return True
        pattern = _WHOLE if self.kind == "integer" else _NUMBER
        return bool(pattern.fullmatch(value)) and self._nearest(float(value)) == float(value)

    def expected(self) -> str:
        """What it takes, in words.

        >>> OptionRecord("integer", 0, 2147483647).expected(), OptionRecord("double", 0, 1).expected()
        ('a whole number, 0 or more', 'a number from 0 to 1')
        """
        if self.kind == "boolean":
            return "true or false"
        if self.kind == "word":
            return f"one of {', '.join(self.choices)}"
        noun = "a whole number" if self.kind == "integer" else "a number"
        low = None if self.low is None or self.low <= -_NO_BOUND else f"{self.low:g}"
        high = None if self.high is None or self.high >= _NO_BOUND else f"{self.high:g}"
        if low and high:
            return f"{noun} from {low} to {high}"
        return f"{noun}, {low} or more" if low else f"{noun}, {high} or less" if high else noun

    def instead(self, value: str) -> str:
        """The value that was likely meant; empty where nobody can tell.

        >>> OptionRecord("integer", 0, 8).instead("9"), OptionRecord("boolean").instead("yes")
        ('8', 'true')
        """
        first = (value.split() or [""])[0].rstrip(",;")
        if first != value and self.takes(first):
            return first
        if self.kind == "boolean":
            return {"yes": "true", "y": "true", "no": "false", "n": "false"}.get(value.lower(), "")
        if self.kind == "word":
            return (difflib.get_close_matches(value.lower(), self.choices, n=1, cutoff=0.7) or [""])[0]
        if self.kind == "text" or not _NUMBER.fullmatch(value) or "inf" in value.lower():
            return ""
        nearest = self._nearest(float(value))
        return str(round(nearest)) if self.kind == "integer" else f"{nearest:g}"

    def _nearest(self, number: float) -> float:
        number = number if self.low is None else max(number, self.low)
        return number if self.high is None else min(number, self.high)


@dataclass(frozen=True, slots=True)
class OptionTable:
    """The options of one solver of one product."""

    product: str
    """"HiGHS 1.16.0", "GAMS 54.6.1"."""
    records: dict[str, OptionRecord]
    any_case: bool
    """Names may be written in any case; the table has them in lower case."""

    def find(self, name: str) -> OptionRecord | None:
        """The record of an option."""
        return self.records.get(name.lower() if self.any_case else name)

    def near(self, name: str) -> str:
        """A name that is spelled like this one; empty where there is none."""
        return (difflib.get_close_matches(name.lower().strip("'\""), self.records, n=1, cutoff=0.7) or [""])[0]


class _File(msgspec.Struct):
    product: str
    solvers: dict[str, dict[str, list[str | float | None]]]


@functools.cache
def option_table(engine: str, solver: str) -> OptionTable | None:
    """The options of a solver under an engine; None for one that nobody has written down."""
    name = "gams" if engine == "gams" else "highs"
    text = files(__package__).joinpath("option_tables", f"{name}.json").read_bytes()
    file = msgspec.json.decode(text, type=_File)
    records = file.solvers.get(solver.lower())
    if records is None:
        return None
    known = {key: OptionRecord.of(parts) for key, parts in records.items()}
    return OptionTable(file.product, known, any_case=engine == "gams")
