"""The built-in profiles: one file per solver under `builtin/`, with descriptions and option lines.

Each option text was read by its solver under GAMS 54.6.1 (those of HiGHS by HiGHS 1.16, too) with nothing ignored. If a
text has the number of threads, it is the value that lets the solver decide (0; Xpress, COPT: -1); `with_threads` sets
it for a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

from times_doctor_tasks.profiles.option_file import is_interior
from times_doctor_tasks.profiles.profile import ModelClass, Profile

#: The files, in the order in which profiles are listed.
FILES = ("cplex", "highs", "highs_alone", "gurobi", "xpress", "copt", "mosek")
#: The default set for native HiGHS, and the reason for it.
DEFAULT_SETS: Mapping[ModelClass, tuple[str, str]] = {
    ModelClass.LP: ("default", "the method decides how long an LP takes"),
    ModelClass.MIP: ("mip", "HiGHS chooses the method of a MIP itself"),
    ModelClass.QP: ("qp", "HiGHS has one method for a QP"),
    ModelClass.MIQP: ("qp", "HiGHS solves no QP with integers, and will say so"),
}

_T = TypeVar("_T")


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A profile in a file. Missing fields come from its kind in `kinds.toml`, by its name."""

    does: str | None = None
    use_when: str | None = None
    sets: frozenset[str] | None = None
    options: tuple[str, ...] = ()
    """Lines; `@name` is replaced by the lines of that name in `common`."""
    interior: bool | None = None
    """None: as its options say."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    solver: str
    profiles: dict[str, _Entry]
    engine: str = "gams"
    common: dict[str, tuple[str, ...]] = {}


@cache
def built_in() -> tuple[Profile, ...]:
    """All built-in profiles."""
    kinds = _read("kinds", dict[str, _Entry])
    return tuple(
        _profile(file, name, entry, kinds.get(name, _Entry()))
        for file in (_read(name, _File) for name in FILES)
        for name, entry in file.profiles.items()
    )


def _read(name: str, type_: type[_T]) -> _T:
    raw = files("times_doctor_tasks.profiles").joinpath("builtin", f"{name}.toml").read_bytes()
    return msgspec.toml.decode(raw, type=type_)


def _profile(file: _File, name: str, entry: _Entry, kind: _Entry) -> Profile:
    options = "".join(f"{line}\n" for line in _lines(entry.options, file.common))
    return Profile(
        name,
        file.solver,
        options,
        engine=file.engine,
        interior=is_interior(options, file.solver) if entry.interior is None else entry.interior,
        does=entry.does or kind.does or "",
        use_when=entry.use_when or kind.use_when or "",
        sets=next((sets for sets in (entry.sets, kind.sets) if sets is not None), frozenset()),
    )


def _lines(written: Sequence[str], common: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for line in written:
        yield from _lines(common[line[1:]], common) if line.startswith("@") else [line]
