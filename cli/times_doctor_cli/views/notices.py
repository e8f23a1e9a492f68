"""Lines that are shown at once, above the table: a run's error is one line with its name."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group
from rich.text import Text

from times_doctor_cli.scan_state.rows import Notice
from times_doctor_cli.terminal.lines import Paragraph
from times_doctor_cli.terminal.signs import glyphs, printable

_STYLES = {"error": "bold red", "warning": "yellow"}


def notices_view(notices: Iterable[Notice], *, unicode: bool) -> Group:
    """The notices, one paragraph each, wrapped at the console's width."""
    signs = glyphs(unicode=unicode)
    marks = {"error": signs.failed, "warning": signs.doubtful}
    lines = []
    for notice in notices:
        style = _STYLES.get(notice.level, "")
        line = Text()
        line.append(f"{marks.get(notice.level, signs.waiting)} ", style)
        if notice.run:
            line.append(f"{printable(notice.run)}: ", style)
        line.append(printable(notice.text))
        lines.append(Paragraph(line, hanging=2))
    return Group(*lines)


def notice_words(notice: Notice) -> str:
    """A notice as a line of a log.

    >>> notice_words(Notice("error", "no licence", "cplex.dual"))
    'error: cplex.dual: no licence'
    """
    level = "" if notice.level == "info" else f"{notice.level}: "
    about = f"{notice.run}: " if notice.run else ""
    return f"{level}{about}{notice.text}"
