"""Which columns the live table has at which width. Nothing here depends on what changes during a scan."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace
from rich.cells import cell_len

from times_doctor_cli.scan_state.rows import Row
from times_doctor_cli.terminal.lines import GAP, Column
from times_doctor_cli.terminal.signs import printable

#: From left to right. The first, without a title, has the sign or the number of a run.
_ORDER = (
    "",
    "run",
    "host",
    "state",
    "phase",
    "progress",
    "iteration",
    "objective",
    "gap/infeas",
    "ETA",
    "memory",
    "time",
)
#: Further columns in order of importance, each with its least useful width.
_OPTIONAL = (
    Column("phase", 11),
    Column("host", 9, middle=True),
    Column("iteration", 9, right=True),
    Column("objective", 12, right=True),
    Column("gap/infeas", 10, right=True),
    Column("ETA", 7, right=True),
    Column("memory", 7, right=True),
)
#: Run names are cut beyond these widths: in narrow tables (with the sign before them), and always.
_NAME_SCARCE = 19
_NAME_EVER = 32
#: The width of the progress without and with a separate column for the objective.
_PROGRESS_ALONE = 18
_PROGRESS_BESIDE = 15


def columns_for(rows: Sequence[Row], width: int) -> list[Column]:
    """The columns of a terminal `width` columns wide.

    80 columns hold run, host, state, phase, progress and time. Fewer lose the host first, then the phase (the state
    then names it). More gain what is next in order of need, then longer names.
    """
    sign = len(str(len(rows)))
    chosen = {
        "": Column("", sign),
        "run": Column("run", _NAME_SCARCE - sign, middle=True),
        "state": Column("state", 11),
        "progress": Column("progress", _PROGRESS_ALONE),
        "time": Column("time", 7, right=True),
    }
    for column in _OPTIONAL:
        wider = chosen | {column.title: column}
        if "host" in wider:
            wider["state"] = replace(wider["state"], width=10)
        if "objective" in wider:
            wider["progress"] = replace(wider["progress"], width=_PROGRESS_BESIDE)
        if _total(wider.values()) > width:
            break
        chosen = wider
    longest = max((cell_len(printable(row.run)) for row in rows), default=0)
    chosen["run"] = replace(chosen["run"], width=max(8, min(longest, chosen["run"].width)))
    _spend(chosen, width - _total(chosen.values()), min(longest, _NAME_EVER))
    return [chosen[title] for title in _ORDER if title in chosen]


def _spend(columns: dict[str, Column], spare: int, name_width: int) -> None:
    """Give spare width to the part that gains most; take missing width from the progress, then from the name."""
    for title, widest in (("progress", 18), ("run", name_width), ("progress", 23), ("host", 14), ("progress", 28)):
        if title in columns and spare > 0:
            more = max(0, min(spare, widest - columns[title].width))
            columns[title] = replace(columns[title], width=columns[title].width + more)
            spare -= more
    for title, narrowest in (("progress", 8), ("run", 6), ("state", 7), ("progress", 1), ("run", 1)):
        if spare < 0:
            less = max(0, min(-spare, columns[title].width - narrowest))
            columns[title] = replace(columns[title], width=columns[title].width - less)
            spare += less


def _total(columns: Collection[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)
