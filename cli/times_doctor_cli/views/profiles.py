"""The output of `profiles`: name, solver, what it does, when to use it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from times_doctor_cli.terminal.signs import printable
from times_doctor_tasks.contract.hosts import NATIVE_SOLVERS
from times_doctor_tasks.profiles.profile import Profile

#: From this width on "when to use" has a separate column.
_WIDE = 100


def profiles_view(profiles: Sequence[Profile], *, width: int) -> Group:
    """Profiles by solver, in their order. On narrow terminals its purpose is below its description."""
    parts: list[RenderableType] = []
    for (solver, engine), group in groupby(profiles, key=lambda p: (p.solver, p.engine)):
        if parts:
            parts.append(Text())
        title = Text(printable(solver), "bold")
        if engine == "highs":
            title.append(", without GAMS: .mps and .lp files", "not bold")
        elif solver in NATIVE_SOLVERS[1:]:
            title.append(", under GAMS, and without it for .mps and .lp files", "not bold")
        parts += [title, Padding(_table(list(group), wide=width >= _WIDE), (0, 0, 0, 2))]
    return Group(*parts)


def _table(profiles: Sequence[Profile], *, wide: bool) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=2)
    if wide:
        table.add_column(ratio=3)
    for profile in profiles:
        name, does, when = (Text(printable(words)) for words in (profile.name, profile.does, profile.use_when))
        if profile.origin != "built in" and profile.origin not in profile.does:
            does.append(f" ({printable(profile.origin)})", "dim")
        if profile.interior:
            does.append(" (no vertex: marginals differ)", "yellow")
        name.stylize("cyan")
        when.stylize("dim")
        if wide:
            table.add_row(name, does, when)
        else:
            table.add_row(name, Text("\n").join([does, when]) if when else does)
    return table
