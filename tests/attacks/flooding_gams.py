"""A GAMS whose model writes without end: the recorded one, with a flood in the middle of what it leaves.

The driver asks for it in a line `* flood: FILE KIND MEGABYTES`. Standard library only, no package.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.recorded.install import install_recorded_gams

KINDS = {
    "lines": b"--- LOG: a line that a model writes again and again with PUT_UTILITY\n" * 15_000,
    "empty": b"\n" * (1 << 20),
    "oneline": b"x" * (1 << 20),
    "nul": bytes(1 << 20),
    "latin": b"\xfc\xff\xe4 \n" * 200_000,
    "errors": b"*** Error 140 in m.gms\n    Unknown symbol\n" * 24_000,
    "solves": b"--- Generating LP model m\n--- Executing CPLEX (Solvelink=2): elapsed 0:00:00.1\n" * 13_000,
    "stars": b"**** MODEL STATUS 1 Optimal\n" * 37_000,
}
_PROGRAM = """
import re, subprocess, sys
from pathlib import Path
sys.path[:0] = [{top!r}]
from tests.attacks.flooding_gams import flood
flood({recorded!r}, sys.argv[1:])
"""


def install_flooding_gams(folder: Path) -> Path:
    """The folder, ready for `GAMS_PATH`."""
    recorded = install_recorded_gams(folder, speed=0) / "recorded"
    launcher = folder / "gams"
    launcher.rename(recorded)
    program = folder / "flood.py"
    program.write_text(_PROGRAM.format(top=str(Path(__file__).parents[2]), recorded=str(recorded)), "utf-8")
    asked = (
        f'grep -q "^. flood: " "$1" 2>/dev/null && exec {shlex.quote(sys.executable)} {shlex.quote(str(program))} "$@"'
    )
    launcher.write_text(f'#!/bin/sh\n{asked}\nexec {shlex.quote(str(recorded))} "$@"\n', "utf-8")
    launcher.chmod(0o755)
    return folder


def flood(recorded: str, words: list[str]) -> None:
    """Runs the recording to its end, then writes the flood into the middle of the file that is asked for."""
    asked = re.search(r"(?m)^\* flood: (\S+) (\S+) (\d+)", Path(words[0]).read_text("utf-8"))
    assert asked is not None
    done = subprocess.run([recorded, *words], check=False)
    path, piece, megabytes = Path(asked[1]), KINDS[asked[2]], int(asked[3])
    before = path.read_bytes() if path.is_file() else b""
    middle = before.find(b"\n", len(before) // 2) + 1
    with path.open("r+b" if before else "wb") as file:
        file.seek(middle)
        for _ in range(megabytes * 1_000_000 // len(piece) + 1):
            file.write(piece)
        file.write(before[middle:])
    sys.exit(done.returncode)
