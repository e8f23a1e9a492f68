"""The menu of Ctrl-C, drawn under the table."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from times_doctor_cli.scan_state.menu import Menu
from times_doctor_cli.terminal.lines import Lines
from times_doctor_cli.terminal.signs import cut_end, glyphs

#: Lines it takes, whatever the width.
MENU_LINES = 3


def menu_view(menu: Menu, *, width: int, unicode: bool) -> Lines:
    """The possible input, the last error, and the current input; always `MENU_LINES` lines."""
    signs = glyphs(unicode=unicode)
    detach = "d: detach   " if menu.can_detach else ""
    long = f"The scan goes on. Cancel: numbers or names (1,3-5 dual), a: all   {detach}Enter: resume"
    short = f"cancel: 1,3-5 or name, a: all  {detach}Enter: resume"
    words = long if cell_len(long) <= width else short
    complaint = menu.complaint or "Ctrl-C again cancels all runs."
    # Shows the end of a long line, where the user types.
    room = max(1, width - 4)
    typed = menu.line if cell_len(menu.line) <= room else menu.line[-(room // 2) :]
    return Lines(
        [
            Text(cut_end(words, width, ellipsis=signs.ellipsis), "bold"),
            Text(cut_end(complaint, width, ellipsis=signs.ellipsis), "red" if menu.complaint else "dim"),
            Text.assemble(("> ", "bold"), cut_end(typed, room, ellipsis=signs.ellipsis), ("_", "blink")),
        ]
    )
