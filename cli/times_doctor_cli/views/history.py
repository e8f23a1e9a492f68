"""The output of `history`: the scanned models, or each profile's results for one model and similar ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from times_doctor_cli.terminal.lines import Cell, Lines, Paragraph, fitted, table_lines
from times_doctor_cli.terminal.signs import glyphs, printable
from times_doctor_cli.terminal.units import memory, runtime
from times_doctor_cli.views.scans import started_words
from times_doctor_tasks.analysis.history import RunRecord, Standing, standings
from times_doctor_tasks.contract.wording import counted

#: Widest columns; what they cut is in `--json`.
_WIDEST = 24
_RIGHT = frozenset({"won", "solved", "time", "memory", "scans"})


def label_of(record: RunRecord) -> str:
    """The name of a model in the list: its title, or its hash if only that is known."""
    return record.title or record.model.model


def models_view(records: Sequence[RunRecord], *, unicode: bool, now_ms: int) -> Group:
    """A line for each model, the newest first: how often it was scanned, and what was best."""
    models: dict[str, list[RunRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda one: -one.at_ms):
        models[label_of(record)].append(record)
    rows = []
    for label, own in models.items():
        best = standings(own)[0]
        row = {
            "model": label,
            "newest": started_words(own[0].at_ms, now_ms),
            "best": best.profile if best.solved else "",
        }
        rows.append(row | {"scans": str(len({record.scan for record in own}))} | _row(best))
    titles = ("model", "newest", "scans", "best", "won", "time", "version")
    return Group(_table(titles, rows, unicode=unicode))


def history_view(own: Sequence[RunRecord], like: Sequence[RunRecord], *, unicode: bool) -> Group:
    """The profiles of one model, best first, then those of models like it."""
    parts: list[RenderableType] = []
    for records, subject in ((own, "This model"), (like, "Other models like it")):
        if not records:
            continue
        found, scans = standings(records), len({record.scan for record in records})
        rows = [{"profile": one.profile} | _row(one) for one in found]
        titles = ("profile", "won", "solved", "time", "memory", "version")
        parts += [Text()] if parts else []
        parts.append(Text(f"{subject}: {counted(scans, 'scan')}", "bold"))
        parts.append(_table(titles, rows, unicode=unicode))
        older = sum(one.older for one in found)
        if older:
            parts.append(Paragraph(Text("A scan with an older version of the solver counts half.", "dim")))
    return Group(*parts) if parts else Group(Text("No run of this model or one like it is remembered."))


def _row(one: Standing) -> dict[str, str]:
    return {
        "won": f"{one.won} of {one.contests}" if one.contests else "",
        "solved": f"{one.solved} of {one.runs}",
        "time": runtime(one.runtime_s),
        "memory": memory(one.memory_mb),
        "version": f"{one.version}, {one.older} older" if one.older else one.version,
    }


def _table(titles: Sequence[str], rows: Sequence[Mapping[str, str]], *, unicode: bool) -> Lines:
    columns = fitted(titles, rows, right=_RIGHT, widest=_WIDEST)
    cells = [[Cell(printable(row[title])) for title in titles] for row in rows]
    return Lines(table_lines(columns, cells, ellipsis=glyphs(unicode=unicode).ellipsis))
