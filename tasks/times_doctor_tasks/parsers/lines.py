"""Whole lines out of text that arrives in pieces."""

from __future__ import annotations

import re

#: Longest line kept, in characters: GAMS echoes data lines of tens of thousands; the rest is dropped.
MAX_LINE_CHARS = 65_536


_LEFT_OUT = re.compile(r"\*{3} (\d+) bytes left out by times-doctor \*{3}")


def left_out(size_bytes: int) -> str:
    """The text that replaces the middle of a long log or listing.

    >>> bytes_left_out(left_out(123)), bytes_left_out("*** Status: Normal completion")
    (123, 0)
    """
    return f"*** {size_bytes} bytes left out by times-doctor ***"


def bytes_left_out(line: str) -> int:
    """The bytes that such a line replaces; 0 for every other line."""
    match = _LEFT_OUT.fullmatch(line) if line.startswith("***") else None
    return int(match[1]) if match is not None else 0


class LineBuffer:
    """Cuts text into lines, which do not depend on the chunks.

    Only a line feed ends a line, one carriage return before it is dropped. At most `MAX_LINE_CHARS` are held; a last
    line without its end never comes out.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._held = 0

    def feed(self, text: str) -> list[str]:
        """The lines that `text` completes, without their ends."""
        head, *rest = text.split("\n")
        if not rest:
            self._hold(head)
            return []
        if self._parts:
            self._hold(head)
            head = "".join(self._parts)
            self._parts.clear()
            self._held = 0
        tail = rest.pop()
        lines = [head, *rest]
        if "\r" in text or head.endswith("\r"):
            lines = [_trim(line).removesuffix("\r") for line in lines]
        elif max(map(len, lines)) > MAX_LINE_CHARS:
            lines = [_trim(line) for line in lines]
        self._hold(tail)
        return lines

    def _hold(self, piece: str) -> None:
        piece = piece[: MAX_LINE_CHARS - self._held]
        if piece:
            self._parts.append(piece)
            self._held += len(piece)


def _trim(line: str) -> str:
    return line if len(line) <= MAX_LINE_CHARS else line[:MAX_LINE_CHARS]
