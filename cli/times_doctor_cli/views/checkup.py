"""The output of `check`: findings and what to do, then the configuration with its sources."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from times_doctor_cli.client.health import Finding, Level, Value
from times_doctor_cli.terminal.signs import Glyphs, glyphs, printable
from times_doctor_tasks.contract.wording import counted

_STYLES = {Level.OK: "green", Level.INFO: "dim", Level.WARN: "yellow", Level.FAIL: "bold red"}


def checkup_view(findings: Sequence[Finding], values: Sequence[Value], *, unicode: bool) -> Group:
    """A row for each finding with the next step below it; then a row for each value in force."""
    table = _findings(findings, glyphs(unicode=unicode))
    return Group(table, Text(), Text("Configuration", "bold"), _values(values), Text(), Text(_summary(findings)))


def _findings(findings: Sequence[Finding], signs: Glyphs) -> Table:
    marks = {Level.OK: signs.done, Level.INFO: signs.waiting, Level.WARN: signs.doubtful, Level.FAIL: signs.failed}
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in findings:
        words = Text(printable(finding.words), "bold" if finding.level is Level.FAIL else "")
        if finding.next_step:
            words.append(f"\n{printable(finding.next_step)}", "not bold")
        table.add_row(Text(marks[finding.level], _STYLES[finding.level]), Text(finding.what), words)
    return table


def _values(values: Sequence[Value]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for value in values:
        style = "dim" if value.origin == "default" else ""
        table.add_row(
            Text(f"  {value.name}", style), Text(printable(value.value) or "not set", style), Text(value.origin, "dim")
        )
    return table


def _summary(findings: Sequence[Finding]) -> str:
    failed = sum(finding.level is Level.FAIL for finding in findings)
    warned = sum(finding.level is Level.WARN for finding in findings)
    if failed:
        return f"{counted(failed, 'thing')} must be put right."
    return f"All that is needed works; {counted(warned, 'warning')}." if warned else "All is well."
