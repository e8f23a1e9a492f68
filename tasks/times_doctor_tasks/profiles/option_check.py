"""Finds all errors of an option file before anything runs.

HiGHS and other native solvers refuse a run whose option is unknown or whose value is out of range: an error. GAMS goes
on without it, and a user's GAMS may be newer than our table: a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from times_doctor_tasks.profiles.option_file import broken_lines, numbered_options
from times_doctor_tasks.profiles.option_table import OptionRecord, OptionTable, option_table
from times_doctor_tasks.profiles.profile import Profile
from times_doctor_tasks.profiles.reach import is_left_out, reaching

#: Most errors, and most warnings, of one scan that are shown.
MOST_SHOWN, MOST_WARNED = 20, 6


class Severity(StrEnum):
    """What a finding means for the scan."""

    ERROR = "error"
    """Nothing may start."""
    WARNING = "warning"
    """It runs; the solver may ignore the line."""


class Finding(msgspec.Struct, frozen=True):
    """One line of an option file that the solver will not accept as it is."""

    severity: Severity
    line: int
    """From 1."""
    name: str
    """The option, as written."""
    sentence: str
    suggestion: str = ""
    """What to write instead; empty if unknown."""

    def words(self, origin: str) -> str:
        """Its place, the problem, and what to do."""
        return f"Line {self.line} of the option file {origin!r}: {self.sentence} {self.suggestion}".rstrip()


def check_profile(profile: Profile, *, versions: Iterable[str] = ()) -> list[Finding]:
    """The problems of a profile's text, in the order of its lines.

    Args:
        versions: Versions of the engines that may run it: a newer one may know options that are not in our table.
    """
    is_gams = profile.engine == "gams"
    found = list(_broken(profile.options, profile.solver))
    table = option_table(profile.engine, profile.solver)
    if table is not None:
        is_newer = any(_numbers(version) > _numbers(table.product.split()[-1]) for version in versions)
        severity = Severity.WARNING if is_gams or is_newer else Severity.ERROR
        found += _unknown(profile.options, profile.solver, table, severity)
    found += _left_out(profile)
    beyond = list(check_reach(profile.options, profile.solver, profile.engine))
    places = {(one.line, one.name) for one in beyond}
    found = [one for one in found if (one.line, one.name) not in places] + beyond
    return sorted(found, key=lambda finding: finding.line)


def check_reach(text: str, solver: str, engine: str) -> Iterator[Finding]:
    """Options that name files, programs or networks of the host: clients and hosts refuse them."""
    for number, name, _ in reaching(text, solver, engine):
        sentence = f"{name!r} names a file, a program or a network of the host, which an option file may not do."
        yield Finding(Severity.ERROR, number, name, sentence, "Leave the line out.")


def refusal(found: Iterable[tuple[Profile, Finding]]) -> str:
    """All errors among findings, a line each; empty if there are none."""
    lines = [one.words(profile.origin) for profile, one in found if one.severity is Severity.ERROR]
    if len(lines) <= 1:
        return "".join(lines)
    more = f"\n  and {len(lines) - MOST_SHOWN} more" if len(lines) > MOST_SHOWN else ""
    return f"{len(lines)} lines of option files would be refused:\n  " + "\n  ".join(lines[:MOST_SHOWN]) + more


def warnings(found: Iterable[tuple[Profile, Finding]]) -> list[str]:
    """The warnings among findings, a sentence each."""
    lines = [one.words(profile.origin) for profile, one in found if one.severity is Severity.WARNING]
    more = (
        [f"{len(lines) - MOST_WARNED} more lines of option files are like these."] if len(lines) > MOST_WARNED else []
    )
    return lines[:MOST_WARNED] + more


def _left_out(profile: Profile) -> Iterator[Finding]:
    for number, name, value in numbered_options(profile.options, profile.solver):
        if is_left_out(profile.engine, name, value):
            sentence = f"{name!r} is left out: HiGHS's log comes with the report as run.log."
            yield Finding(Severity.WARNING, number, name, sentence)


def _broken(text: str, solver: str) -> Iterator[Finding]:
    for number, line in broken_lines(text, solver):
        name, value = [*line.split(None, 1), ""][:2]
        yield Finding(
            Severity.ERROR,
            number,
            name,
            f"{line!r} is not an option: HiGHS reads `key = value` only, and would drop the whole file and "
            "solve with its defaults.",
            _instead(line, name, value),
        )


def _instead(line: str, name: str, value: str) -> str:
    if line.startswith("#"):
        return "Begin the comment in the first column."
    return f"Write `{name} = {value}`." if value else "Write an equals sign and a value behind it."


def _unknown(text: str, solver: str, table: OptionTable, severity: Severity) -> Iterator[Finding]:
    who = f"{solver.upper()} under {table.product}" if table.is_gams else table.product
    goes_on = " The scan continues; the solver may ignore the line." if severity is Severity.WARNING else ""
    for number, name, value in numbered_options(text, solver):
        record = table.find(name)
        if table.is_gams and ("." in name or "(" in name or (not value and record is not None)):
            continue  # under GAMS `names` alone means `names 1`, and `x.feaspref 1` is of a variable or equation
        if not table.is_gams and table.natively(name) is None:
            sentence = f"{name!r} exists only in GAMS: without GAMS the run continues without it."
            yield Finding(Severity.WARNING, number, name, sentence)
        elif record is None:
            near = table.near(name)
            sentence = f"{name!r} is not an option of {who}.{goes_on}"
            yield Finding(severity, number, name, sentence, f"Did you mean {near!r}?" if near else "")
        elif not record.takes(value) and not (table.any_case and _is_code(value, record)):
            sentence = f"{name} = {value!r}: {who} expects {record.expected()}.{goes_on}"
            instead = record.instead(value)
            yield Finding(severity, number, name, sentence, f"Did you mean {instead}?" if instead else "")


def _is_code(value: str, record: OptionRecord) -> bool:
    """With GAMS a word may be given as its number, and a switch as yes, true or on (not `iis yes`: `iis` counts)."""
    if value.lower() in ("yes", "no", "true", "false", "on", "off"):
        return record.kind == "boolean"
    return record.kind == "word" and value.isdigit() and not any(choice.isdigit() for choice in record.choices)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
