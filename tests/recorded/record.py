"""Records runs of real GAMS for the stand-in beside this file: see README.md.

    python tests/recorded/record.py [DRIVER ...]

Needs a valid GAMS licence. Without names it records everything in CASES anew (about four minutes).
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from times_doctor_tasks.profiles.option_file import with_mip_start, with_threads
from times_doctor_tasks.profiles.registry import built_in_profiles
from times_doctor_worker.engines.gams_installation import GamsSystem, clean_environ, find_gams
from times_doctor_worker.process.log_tail import LogTail

HERE = Path(__file__).parent
RECORDINGS = HERE.parent / "data" / "recordings"
PROFILES = ("dual", "sift", "bar_nox", "bar", "primal", "auto")


@dataclass(frozen=True)
class Case:
    """One driver under some profiles."""

    driver: str
    profiles: tuple[str, ...] = PROFILES
    any_options: bool = False
    """Its run does not depend on the option file: one recording answers all."""
    solver: str = "CPLEX"
    signals: bool = False
    """Also record how it ends by SIGINT (early, and in the middle of its solver) and by the loss of its solver."""
    mip: bool = False


CASES = (
    Case("denselp", signals=True),
    Case("cover", signals=True),
    Case("loop", signals=True),
    Case("mkp", signals=True, mip=True),
    Case("mkp_limit", ("dual", "bar_nox"), mip=True),
    Case("lp_limit", ("dual", "sift", "bar_nox", "bar")),
    Case("infeasible"),
    Case("unbounded", ("dual", "sift", "bar_nox")),
    Case("option_lp", ("dual",), any_options=True),
    Case("optfile_zero", ("dual",), any_options=True),
    Case("too_large", ("dual",), any_options=True),
    Case("broken", ("dual",), any_options=True),
    Case("missing_file", ("dual",), any_options=True),
    Case("aborts", ("dual",), any_options=True),
    Case("no_solve", ("dual",), any_options=True),
    Case("tiny", ("dual",), any_options=True),
    Case("unknown_solver", ("dual",), any_options=True, solver="NOSOLVER"),
)

Line = tuple[float, str]


def main(names: list[str]) -> None:
    """Records and rebuilds the index."""
    gams = find_gams()
    RECORDINGS.mkdir(parents=True, exist_ok=True)
    _write_text("about.txt", _about(gams))
    for case in CASES:
        if names and case.driver not in names:
            continue
        for profile in case.profiles:
            recording = _record(gams, case, profile)
            target = RECORDINGS / f"{case.driver}.{profile}.json.gz"
            # mtime=0: the same recording gives the same bytes.
            target.write_bytes(gzip.compress(json.dumps(recording, indent=0).encode(), mtime=0))
            ends = {name: (v["returncode"], v["wall_s"]) for name, v in recording["variants"].items()}
            sys.stdout.write(f"{target.name} {target.stat().st_size} bytes {ends}\n")
            sys.stdout.flush()
    _write_text("index.json", json.dumps([_entry(path) for path in sorted(RECORDINGS.glob("*.json.gz"))], indent=1))


def _record(gams: GamsSystem, case: Case, profile: str) -> dict[str, Any]:
    options = _options(profile, mip=case.mip)
    complete = _run(gams, case, options)
    variants = {"complete": complete}
    if case.signals:
        begin_s, end_s = _solver_span(complete["log"])
        middle_s = (begin_s + end_s) / 2
        variants["interrupted"] = _run(gams, case, options, after_s=middle_s, act=_interrupt)
        if begin_s > 0.15:
            variants["interrupted_early"] = _run(gams, case, options, after_s=begin_s / 2, act=_interrupt)
        variants["solver_killed"] = _run(gams, case, options, after_s=middle_s, act=_kill_solver)
    return {
        "driver": case.driver,
        "profile": profile,
        "solver": case.solver,
        "any_options": case.any_options,
        "options": dict(line.split(maxsplit=1) for line in options.splitlines()),
        "gams": gams.version,
        "recorded": date.today().strftime("%Y-%m"),
        "variants": variants,
    }


def _options(profile: str, *, mip: bool) -> str:
    text = next(p.options for p in built_in_profiles() if (p.solver, p.name) == ("cplex", profile))
    text = with_threads(text, "cplex", 1)
    return with_mip_start(text, "cplex") if mip else text


def _run(
    gams: GamsSystem,
    case: Case,
    options: str,
    *,
    after_s: float | None = None,
    act: Callable[[subprocess.Popen[bytes]], bool] | None = None,
) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="td-record-"))
    model = "tiny" if case.driver == "unknown_solver" else case.driver
    driver = folder / "model" / f"{model}.gms"
    driver.parent.mkdir()
    shutil.copy(HERE / "models" / driver.name, driver)
    work = folder / "work"
    work.mkdir()
    (work / "cplex.opt").write_text(options)
    command = [str(gams.path), str(driver), f"LP={case.solver}", "optfile=1", "fileCase=4", "lo=2", "logfile=run.log"]
    command += ["o=run.lst", "trace=trace.txt", "traceopt=3", *([f"MIP={case.solver}"] if case.mip else [])]
    started_s = time.monotonic()
    process = subprocess.Popen(command, cwd=work, env=clean_environ(os.environ), start_new_session=True)
    lines, acted_s = _follow(process, work / "run.log", started_s, after_s, act)
    wall_s = time.monotonic() - started_s
    scrub = _scrubber(gams, driver, work)
    # Of a run that was acted upon only what came after counts; it is kept in seconds from then on.
    since_s = acted_s or 0.0
    result = {
        "returncode": process.returncode,
        "wall_s": round(wall_s - since_s, 3),
        "log": [(round(t - since_s, 4), scrub(line)) for t, line in lines if t >= since_s],
        "listing": scrub(_read(work / "run.lst")),
        "trace": scrub(_read(work / "trace.txt")),
    }
    shutil.rmtree(folder)
    return result


def _follow(
    process: subprocess.Popen[bytes],
    log: Path,
    started_s: float,
    after_s: float | None,
    act: Callable[[subprocess.Popen[bytes]], bool] | None,
) -> tuple[list[Line], float | None]:
    """Every line of the log with its time of arrival, to a millisecond or two; and when `act` was done."""
    lines: list[Line] = []
    rest = ""
    acted_s = None
    with LogTail(log) as tail:
        while True:
            has_ended = process.poll() is not None
            now_s = time.monotonic() - started_s
            *whole, rest = (rest + ("".join(tail.drain()) if has_ended else tail.poll())).split("\n")
            lines += [(now_s, line) for line in whole]
            if has_ended:
                return ([*lines, (now_s, rest)] if rest else lines), acted_s
            if act is not None and after_s is not None and acted_s is None and now_s >= after_s and act(process):
                acted_s = now_s
            time.sleep(0.001)


def _interrupt(process: subprocess.Popen[bytes]) -> bool:
    process.send_signal(signal.SIGINT)
    return True


def _kill_solver(process: subprocess.Popen[bytes]) -> bool:
    """Between two solves of a loop there is no solver: then it waits for the next one."""
    for pid, name in _group(process.pid):
        if name.startswith("gmsgen"):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def _group(group: int) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group:
                yield int(folder.name), (folder / "comm").read_text().strip()
        except OSError:
            continue


def _solver_span(log: list[Line]) -> tuple[float, float]:
    begin_s = next((t for t, line in log if line.startswith("--- Executing ")), 0.0)
    end_s = next((t for t, line in reversed(log) if line.startswith("--- Reading solution")), log[-1][0])
    return begin_s, end_s


def _scrubber(gams: GamsSystem, driver: Path, work: Path) -> Callable[[str], str]:
    """Puts a word for every path, date and licence id; the stand-in puts its own in their place."""
    system = f"{gams.system_dir}/"
    replacements = [
        (re.escape(str(driver)), "@DRIVER@"),
        (re.escape(f"{work}/run.log"), "@LOG@"),
        (re.escape(f"{work}/run.lst"), "@LST@"),
        (re.escape(f"{work}/trace.txt"), "@TRACE@"),
        (re.escape(str(work)), "@CWD@"),
        (re.escape(system), "@SYSDIR@"),
        (rf"\b{re.escape(driver.name)}\b", "@NAME@"),
        (r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d", "@NOW@"),
        (r"(?m)^(@NAME@,\w+,\w+,\w+,\w+),\d{5}\.\d+", r"\1,@JULIAN@"),
        (r"G\d{6}\+\w+(?:-GEN)?", "G000000+0000Xx-GEN"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}\b", "00000000-0000-0000"),
        (r"\d+ physical cores and \d+ Gb", "2 physical cores and 8 Gb"),
    ]

    def scrub(text: str) -> str:
        for pattern, word in replacements:
            text = re.sub(pattern, word, text)
        # After a licence failure the listing ends with the licence itself, key and all.
        head, marker, licence = text.partition("**** Current license content:\n")
        return head + marker + re.sub(r"[A-Za-z0-9+/=]", "x", licence)

    return scrub


def _about(gams: GamsSystem) -> str:
    """What `gams ? lo=3` prints; its end date becomes a word, because the stand-in outlives this licence."""
    with tempfile.TemporaryDirectory() as folder:
        text = subprocess.run(
            [gams.path, "?", "lo=3"], cwd=folder, env=clean_environ(os.environ), capture_output=True, text=True
        ).stdout
    text = re.sub(r"(stops working on : ).*", r"\1@UNTIL@", text)
    return _scrubber(gams, Path("none"), Path("/nowhere"))(text)


def _entry(path: Path) -> dict[str, Any]:
    recording = json.loads(gzip.decompress(path.read_bytes()))
    entry = {key: recording[key] for key in ("driver", "profile", "solver", "any_options", "options")}
    return {"file": path.name, **entry, "variants": sorted(recording["variants"])}


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""


def _write_text(name: str, text: str) -> None:
    (RECORDINGS / name).write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
