"""A stand-in for GAMS that replays recorded runs of real GAMS: see README.md. Standard library only, no package.

It starts the same tree of processes as GAMS (gams -> gamscmex -> solver, one group), writes the recorded lines at the
recorded times, and ends as GAMS ended: by itself, by SIGINT, by the loss of its solver, of gamscmex, of itself.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
#: The folder that passes for GAMS's own.
SYSTEM = os.environ.get("TD_RECORDED_SYSTEM", str(HERE))
#: Replay speed: 2 is twice as fast as recorded, 0 writes everything at once.
SPEED = float(os.environ.get("TD_RECORDED_SPEED", "1"))
RECORDINGS = Path(os.environ.get("TD_RECORDINGS") or HERE.parent / "data" / "recordings")
#: What `gams ?` gives as the end of its licence ("Nov 26, 2026"); without it the licence has no end.
UNTIL = os.environ.get("TD_RECORDED_LICENCE_UNTIL", "")

#: The solver's own exit codes: it went to its end, or SIGINT stopped it.
_SOLVER_DONE, _SOLVER_INTERRUPTED = 0, 3
#: gams says 400 when it could not run gamscmex; the shell's eight bits leave 144 (recorded).
_CMEX_LOST = 400 % 256

Variant = dict[str, Any]


class Call:
    """One GAMS command line, as far as a replay needs it."""

    def __init__(self, arguments: list[str]) -> None:
        self.driver = Path(arguments[0]).absolute()
        options = dict(word.lower().split("=", 1) for word in arguments[1:] if "=" in word and word[:2] != "--")
        raw = dict(word.split("=", 1) for word in arguments[1:] if "=" in word)
        self._paths = {name.lower(): value for name, value in raw.items()}
        stem = self.driver.stem
        self.log = self._path("logfile", "lf", default=f"{stem}.log")
        self.listing = self._path("output", "o", default=f"{stem}.lst")
        self.trace = self._path("trace")
        self.gdx = self._path("gdx")
        self.log_option = int(options.get("lo", options.get("logoption", "3")))
        self.solver = (options.get("lp") or options.get("mip") or "cplex").upper()
        self.reads_options = options.get("optfile", "0") == "1"

    def _path(self, *names: str, default: str = "") -> Path | None:
        value = next((self._paths[name] for name in names if name in self._paths), default)
        return Path(value).absolute() if value else None

    def options(self) -> dict[str, str]:
        """The option file in the working folder, where solvers look for it."""
        path = Path(f"{self.solver.lower()}.opt")
        if not self.reads_options or not path.is_file():
            return {}
        lines = (line.replace("=", " ").split() for line in path.read_text("utf-8", "replace").splitlines())
        return {words[0].lower(): words[1] for words in lines if len(words) > 1 and words[0][0] != "*"}

    def recording_name(self) -> str:
        """What the driver asks for in a line "* recording: NAME", else its own name."""
        with contextlib.suppress(OSError):
            head = self.driver.read_text("utf-8", "replace")[:4000]
            if asked := re.search(r"(?m)^\* recording: (\w+)", head):
                return asked[1]
        return self.driver.stem


def choose(call: Call) -> dict[str, Any]:
    """The recording for this driver, solver and option file; ends as GAMS does for a solver that it does not have."""
    index = json.loads((RECORDINGS / "index.json").read_text())
    if call.solver not in {entry["solver"] for entry in index}:
        return _load("unknown_solver.dual.json.gz")
    name = call.recording_name()
    method = _method(call.options())
    for entry in index:
        if entry["driver"] == name and (entry["any_options"] or _method(entry["options"]) == method):
            return _load(entry["file"])
    known = sorted(f"{e['driver']}.{e['profile']}" for e in index)
    sys.exit(f"recorded gams: no recording of {name!r} with {method}; there are {', '.join(known)}")


def _method(options: dict[str, str]) -> tuple[str, bool]:
    """What tells profiles apart: the method, and whether a barrier ends without crossover."""
    return options.get("lpmethod", "0"), options.get("solutiontype") == "2"


def _load(name: str) -> dict[str, Any]:
    recording: dict[str, Any] = json.loads(gzip.decompress((RECORDINGS / name).read_bytes()))
    return recording


class Cmex:
    """The part of GAMS that compiles, executes, runs solvers and writes every file."""

    def __init__(self, call: Call, recording: dict[str, Any]) -> None:
        self._call = call
        self._variants: dict[str, Variant] = recording["variants"]
        self._threads = call.options().get("threads")
        self._log = self._open_log()
        self._solver_pid = 0
        self._interrupted = False
        self._begin_s = time.monotonic()

    def run(self) -> int:
        """GAMS's return code."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        complete = self._variants["complete"]
        self._write_listing_head(complete)
        lines = complete["log"]
        position = 0
        while position < len(lines):
            end = _solver_end(lines, position)
            if end is None:
                self._play(lines[position])
                position += 1
                if self._interrupted:
                    return self._end_as("interrupted_early", "interrupted")
                continue
            outcome = self._solve(lines[position:end])
            position = end
            if outcome == _SOLVER_INTERRUPTED:
                return self._end_as("interrupted")
            if outcome != _SOLVER_DONE:
                return self._end_as("solver_killed")
        return self._end(complete)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupted = True
        if self._solver_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._solver_pid, signal.SIGINT)

    def _solve(self, lines: list[tuple[float, str]]) -> int:
        pid = os.fork()
        if pid == 0:
            _run_as("gmsgenux.out", lambda: self._be_solver(lines))
        self._solver_pid = pid
        if self._interrupted:
            os.kill(pid, signal.SIGINT)
        _, status = os.waitpid(pid, 0)
        self._solver_pid = 0
        self._interrupted = False
        return os.waitstatus_to_exitcode(status)

    def _be_solver(self, lines: list[tuple[float, str]]) -> int:
        def stop(number: int, frame: FrameType | None) -> NoReturn:
            os._exit(_SOLVER_INTERRUPTED)

        signal.signal(signal.SIGINT, stop)
        for line in lines:
            self._play(line)
        return _SOLVER_DONE

    def _end_as(self, *names: str) -> int:
        """Goes on with what followed in a run that was recorded for this end; without one, as if nothing was."""
        name = next((name for name in names if name in self._variants), "complete")
        variant = self._variants[name]
        self._begin_s = time.monotonic()
        for line in variant["log"]:
            self._play(line)
        return self._end(variant)

    def _end(self, variant: Variant) -> int:
        if self._call.listing:
            self._call.listing.write_text(self._fill(variant["listing"]), encoding="utf-8")
        if self._call.trace:
            rows = self._fill(variant["trace"])
            if self._call.trace.exists():
                rows = "".join(line for line in rows.splitlines(keepends=True) if not line.startswith("*"))
            with self._call.trace.open("a", encoding="utf-8") as file:
                file.write(rows)
        if self._call.gdx and variant["trace"]:
            prepared = os.environ.get("TD_RECORDED_GDX")
            content = Path(prepared).read_bytes() if prepared else b"not a GDX file: recorded gams\n"
            self._call.gdx.write_bytes(content)
        code: int = variant["returncode"]
        return code

    def _write_listing_head(self, variant: Variant) -> None:
        """GAMS writes the listing as it goes: whoever is killed leaves the part before the first solution."""
        if self._call.listing:
            head = variant["listing"].partition("               S O L V E      S U M M A R Y")[0]
            self._call.listing.write_text(self._fill(head), encoding="utf-8")

    def _play(self, line: tuple[float, str]) -> None:
        due_s, text = line
        if SPEED > 0 and not self._interrupted:
            time.sleep(max(0.0, self._begin_s + due_s / SPEED - time.monotonic()))
        text = self._fill(text)
        if self._threads and text.startswith("--- Setting 'threads'"):
            text = f"--- Setting 'threads': {self._threads}"
        for file in self._log:
            os.write(file, text.encode() + b"\n")

    def _fill(self, text: str) -> str:
        if "@" not in text and "NOSOLVER" not in text:
            return text
        call = self._call
        words = {
            "@DRIVER@": call.driver, "@LOG@": call.log, "@LST@": call.listing, "@TRACE@": call.trace or "",
            "@CWD@": Path.cwd(), "@SYSDIR@": f"{SYSTEM}/", "@NAME@": call.driver.name,
            "@NOW@": time.strftime("%m/%d/%y %H:%M:%S"), "@JULIAN@": f"{time.time() / 86400 + 25569:.3f}",
            "NOSOLVER": call.solver,
        }  # fmt: skip
        return re.sub("|".join(words), lambda match: str(words[match[0]]), text)

    def _open_log(self) -> list[int]:
        files = [1] if self._call.log_option in (3, 4) else []
        if self._call.log_option in (2, 4) and self._call.log:
            files.append(os.open(self._call.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666))
        return files


def _solver_end(lines: list[tuple[float, str]], position: int) -> int | None:
    """Where the solver that starts with this line is done; None where none starts."""
    if not lines[position][1].startswith("--- Executing C"):
        return None
    ends = (n for n in range(position + 1, len(lines)) if lines[n][1].startswith("--- Reading solution"))
    return next(ends, len(lines))


def _run_as(name: str, body: Callable[[], int]) -> NoReturn:
    code = 1
    try:
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(name)
        code = body()
    finally:
        os._exit(code)


def main(arguments: list[str]) -> int:
    """What GAMS returns for this command line."""
    if arguments[:1] in (["?"], ["audit"]):
        about = (RECORDINGS / "about.txt").read_text()
        kept = [line for line in about.splitlines() if UNTIL or "@UNTIL@" not in line]
        text = "\n".join(kept).replace("@UNTIL@", UNTIL).replace("@NOW@", time.strftime("%m/%d/%y %H:%M:%S"))
        sys.stdout.write(text.replace("@SYSDIR@", f"{SYSTEM}/") + "\n")
        return 0
    call = Call(arguments)
    cmex = Cmex(call, choose(call))
    scratch = next(Path(f"225{letter}") for letter in "abcdefghij" if not Path(f"225{letter}").exists())
    scratch.mkdir()
    (scratch / "gmsprmun.dat").write_text("recorded gams\n")
    pid = os.fork()
    if pid == 0:
        _run_as("gamscmex.out", cmex.run)
    signal.signal(signal.SIGINT, lambda *_: os.kill(pid, signal.SIGINT))
    _, status = os.waitpid(pid, 0)
    (scratch / "gmsprmun.dat").unlink()
    scratch.rmdir()
    code = os.waitstatus_to_exitcode(status)
    return _CMEX_LOST if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
