"""What a solver sees of this machine: its model, run folder and engine; everything if it is not confined."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from times_doctor_worker.process import landlock

#: What programs and their libraries need from any Linux; from `/etc` only what they need.
_SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/localtime", "/etc/alternatives", "/dev/urandom", "/dev/random", "/dev/zero", "/sys/devices/system/cpu",
)  # fmt: skip
#: Packages that our own programs import.
_PACKAGES = ("times_doctor_worker", "times_doctor_tasks", "highspy", "highspy_extras", "numpy", "msgspec")
SEES_ALL = "solvers see this machine's files: {why}."


def is_confined(engine: str, sandbox: str) -> bool:
    """Whether the setting confines an engine: `highs`, `all` or `off`.

    >>> is_confined("highs", "highs"), is_confined("gams", "highs"), is_confined("gams", "all")
    (True, False, True)
    """
    return sandbox == "all" or sandbox == engine


def open_note(engines: Sequence[str], sandbox: str) -> str:
    """A note for the operator if a solver could be confined but is not; else empty."""
    if "highs" not in engines and sandbox != "all":
        return ""
    if sandbox == "off":
        return SEES_ALL.format(why="TIMES_DOCTOR_SANDBOX is off")
    return "" if landlock.version() else SEES_ALL.format(why="its kernel has no Landlock (Linux 5.13 and newer have)")


def readable(tree: Path, *engine: Path) -> tuple[Path, ...]:
    """What a confined engine may read and run, beside its run folder."""
    return (tree, *engine, *_programs())


def licence_files(environ: Mapping[str, str]) -> list[Path]:
    """Where solvers look for licences and settings beside their own folder, as an environment says it."""
    named = [value for name, value in environ.items() if "LIC" in name and value.startswith("/")]
    return [Path(environ.get("HOME", "/nonexistent")) / "gurobi.lic", *map(Path, named)]


@functools.cache
def _programs() -> tuple[Path, ...]:
    """The system's programs, this Python and the packages of our own programs."""
    places = [*_SYSTEM, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable]
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin:
            places.append(str(Path(spec.origin).parents[1]))
    return tuple(dict.fromkeys(Path(place).resolve() for place in places))
