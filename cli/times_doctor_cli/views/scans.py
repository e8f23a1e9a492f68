"""The output of `list` and `status`: a line per scan."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len

from times_doctor_cli.client.scan_summaries import ScanLine
from times_doctor_cli.terminal.lines import GAP, Cell, Column, Lines, table_lines
from times_doctor_cli.terminal.signs import glyphs, printable
from times_doctor_tasks.analysis.advice import TIE, TOO_CLOSE
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.done_mark import DoneMark

_DAY_MS = 86_400_000
#: Widest columns; what they cut is in `--json`.
_WIDEST = {"model": 20, "by": 20}


def scans_view(scans: Sequence[ScanLine], *, width: int, unicode: bool, now_ms: int) -> Lines:
    """Id, age, model, user, number of ended runs, and the states of the others."""
    rows = [
        {
            "scan": line.spec.scan,
            "started": started_words(line.spec.created_ms, now_ms),
            "model": printable(line.spec.model.title),
            "by": "local" if line.is_local else printable(line.spec.client),
            "runs": f"{line.ended}/{len(line.spec.runs)}",
            "state": standing_words(line),
        }
        for line in scans
    ]
    columns = [
        Column(title, _width(title, [row[title] for row in rows]), right=title == "runs", middle=title in _WIDEST)
        for title in ("scan", "started", "model", "by", "runs")
    ]
    used = sum(column.width + GAP for column in columns)
    columns.append(Column("state", max(12, width - used)))
    cells = [[Cell(row[column.title]) for column in columns] for row in rows]
    return Lines(table_lines(columns, cells, ellipsis=glyphs(unicode=unicode).ellipsis))


def standing_words(line: ScanLine) -> str:
    """The state of a scan, or its result.

    >>> standing_words(ScanLine(spec, {RunState.RUNNING: 1, RunState.QUEUED: 2}, mark=None))  # doctest: +SKIP
    '1 running, 2 waiting'
    """
    cancelled = line.count((RunState.CANCELLED,))
    by = f" by {' and '.join(map(printable, line.cancelled_by))}" if line.cancelled_by else ""
    failed = line.count((RunState.FAILED, RunState.LOST))
    if line.mark is not None:
        names = ", ".join(line.mark.failed)
        facts = [
            _winner(line.mark),
            f"failed: {printable(names)}" if names else f"{failed} failed" if failed else "",
            f"{cancelled} cancelled{by}" if cancelled else "",
        ]
        return ", ".join(filter(None, facts)) or "ended"
    amounts = [
        (line.running, "running"),
        (line.count((RunState.PENDING, RunState.QUEUED)), "waiting"),
        (line.count((RunState.PARKED,)), "parked"),
        (failed, "failed"),
        (cancelled, f"cancelled{by}"),
    ]
    words = ", ".join(filter(None, [*(f"{amount} {what}" for amount, what in amounts if amount), line.place]))
    mode = "" if line.spec.mode is ScanMode.CHORD else "one by one: "
    return f"{mode}{words}" if words else "making the report"


def _winner(mark: DoneMark) -> str:
    if not mark.recommended:
        return ""
    # The report's headline takes one of those that are as fast or too close, and says so.
    words = {TIE: "(a tie)", TOO_CLOSE: f"({TOO_CLOSE})"}.get(mark.outcome, "won")
    return f"{printable(mark.recommended)} {words}"


def started_words(at_ms: int, now_ms: int) -> str:
    """A short time: the time for today, else the day."""
    at, now = time.localtime(at_ms / 1000), time.localtime(now_ms / 1000)
    if at[:3] == now[:3]:
        return time.strftime("%H:%M", at)
    return time.strftime("%d %b %H:%M" if now_ms - at_ms < 300 * _DAY_MS else "%d %b %Y", at)


def _width(title: str, values: Sequence[str]) -> int:
    widest = max((cell_len(value) for value in values), default=0)
    return max(len(title), min(widest, _WIDEST.get(title, widest)))
