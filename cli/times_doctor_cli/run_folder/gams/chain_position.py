"""The position of an include chain's reader: what it has found, and how certain GAMS reads the next line."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.gams.dollar import DollarLine


class Reach(IntEnum):
    """How certain GAMS reads a line; of two values the smaller applies."""

    NEVER = 0
    MAYBE = 1
    SURELY = 2


class GdxUse(msgspec.Struct, frozen=True):
    """A `$gdxin` or an `execute_load`, with every name it may have."""

    file: Path
    line: int
    raw: str
    names: tuple[str, ...]
    reach: Reach
    at_run_time: bool
    """`execute_load`: looked up in the working directory only."""


class SetUse(msgspec.Struct, frozen=True):
    """A `$set` line, whose value may be a path or name a GDX file."""

    file: Path
    line: int
    name: str
    raw: str
    reach: Reach


class Chain(msgspec.Struct):
    """What the reader found, besides the files (those are in the finder)."""

    gdx_uses: list[GdxUse] = msgspec.field(default_factory=list)
    set_uses: list[SetUse] = msgspec.field(default_factory=list)


class Block(msgspec.Struct):
    """One `$ifthen` ... `$endif`."""

    reach: Reach
    undecided: bool
    """A branch before this one may have been taken."""
    taken: bool
    """A branch before this one was surely taken."""
    lacking: str = ""
    """The unset variable because of which this branch is taken."""


class FileReading(msgspec.Struct):
    """The reader's position in one file."""

    path: Path
    args: tuple[str, ...] | None
    reach: Reach
    lines: list[DollarLine]
    at: int = 0
    blocks: list[Block] = msgspec.field(default_factory=list)
    until: tuple[str, ...] = ()
    """Keywords that end the text block being skipped."""
    skip_to_label: str = ""
    skip_reach: Reach = Reach.SURELY
    next_line: tuple[int, Reach] | None = None
    """A `$if` without a command applies to the line with this number."""
    scoped: list[str] = msgspec.field(default_factory=list)
    labels: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """The place of each label that was passed: its line, and the number of open blocks."""
    looped: set[tuple[str, ...]] = msgspec.field(default_factory=set)
    """The arguments of each jump back to a label: `$shift` makes others."""

    @property
    def line(self) -> int:
        """Number of the line being read."""
        return self.lines[self.at].number

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.path.name}:{self.line}"

    def reach_here(self) -> Reach:
        """How certain GAMS reads the line, by all before it."""
        reach = min((self.reach, *(block.reach for block in self.blocks)))
        if self.skip_to_label:
            reach = min(reach, self.skip_reach)
        if self.next_line and self.next_line[0] == self.line:
            reach = min(reach, self.next_line[1])
        return reach
