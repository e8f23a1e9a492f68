"""The options of each solver and their values, as data that `tools/option_tables.py` writes."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal, TypeAlias

import msgspec

from times_doctor_tasks.profiles.option_file import broken_lines, numbered_options

Kind: TypeAlias = Literal["boolean", "integer", "double", "word", "text"]
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_TRUE, _FALSE = ("true", "t", "1", "on"), ("false", "f", "0", "off")
#: From here on a bound means no bound.
_NO_BOUND = 2**31 - 1


class OptionRecord(msgspec.Struct, frozen=True):
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
        """The expected values, as text.

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
        """The value that the user probably meant; empty if unknown.

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


class OptionTable(msgspec.Struct, frozen=True):
    """The options of one solver of one product."""

    product: str
    """"HiGHS 1.16.0", "GAMS 54.6.1"."""
    records: dict[str, OptionRecord]
    any_case: bool
    """Names may be written in any case; the table has them in lower case."""
    is_gams: bool = False
    native: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    """The solver's own name of each option; None: only GAMS has it."""

    def find(self, name: str) -> OptionRecord | None:
        """The record of an option."""
        return self.records.get(name.lower() if self.any_case else name)

    def natively(self, name: str) -> str | None:
        """The solver's own name of an option; an unknown one is unchanged, None means only GAMS knows it."""
        if "." in name or "(" in name:  # of a variable or equation, as GAMS writes it
            return name if not self.any_case else None
        return self.native.get(name.lower(), name)

    def near(self, name: str) -> str:
        """A name with a similar spelling; empty if there is none."""
        return (difflib.get_close_matches(name.lower().strip("'\""), self.records, n=1, cutoff=0.7) or [""])[0]


class _File(msgspec.Struct):
    product: str
    solvers: dict[str, dict[str, list[Any]]]


@functools.cache
def option_table(engine: str, solver: str) -> OptionTable | None:
    """The options of a solver under GAMS, else of the solver itself; None for one without a table."""
    name = engine if engine in ("gams", "highs") else "native"
    text = files(__package__).joinpath("option_tables", f"{name}.json").read_bytes()
    file = msgspec.json.decode(text, type=_File)
    records = file.solvers.get(solver.lower())
    if records is None:
        return None
    if name != "native":
        known = {key: OptionRecord.of(parts) for key, parts in records.items()}
        return OptionTable(file.product, known, any_case=engine == "gams", is_gams=engine == "gams")
    product = next(one for one in file.product.split(", ") if one.lower().startswith(solver))
    known = {key: OptionRecord.of(list(parts[1:]) or ["text"]) for key, parts in records.items()}
    return OptionTable(product, known, any_case=True, native={key: own for key, (own, *_) in records.items()})


def native_options(text: str, solver: str) -> list[tuple[int, str, str | None, str]]:
    """(line from 1, name as written, the solver's own name, value) of each option, in order.

    An unknown option keeps its name: no solver will know it. None as its own name: only GAMS has it.

    >>> native_options("names no\\nLPMethod 5\\n", "cplex")
    [(1, 'names', None, 'no'), (2, 'LPMethod', 'lpmethod', '5')]
    """
    table = option_table(solver, solver)
    found: list[tuple[int, str, str | None, str]] = [(n, line, line, "") for n, line in broken_lines(text, solver)]
    for number, name, value in numbered_options(text, solver):
        found.append((number, name, table.natively(name) if table else name, value))
    return sorted(found, key=lambda one: one[0])
