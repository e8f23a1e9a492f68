"""The scan in the terminal's title, for users with another window in front."""

from __future__ import annotations

from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.terminal.signs import printable


def title_of(board: Board, now_ms: int) -> str:
    """`2/3 bar 64 %`: ended runs of all, and the run that is furthest; `3/3 done, 1 failed` at the end."""
    head = board.headline(now_ms)
    ended = f"{head.done}/{head.total}"
    if head.done == head.total:
        return f"{ended} done" + (f", {head.unsuccessful} failed" if head.unsuccessful else "")
    running = [row for row in board.rows if row.phase is not None]
    far = max(running, key=lambda row: (row.progress and row.progress.fraction) or 0.0, default=None)
    if far is None:
        return ended
    fraction = far.progress.fraction if far.progress else None
    return f"{ended} {printable(far.profile)}" + ("" if fraction is None else f" {int(fraction * 100)} %")
