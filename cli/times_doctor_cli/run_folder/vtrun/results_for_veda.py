"""The results that VTRUN.CMD, or the user, wants `gdx2veda` to make from a run's GDX."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.caseless_names import base_of
from times_doctor_cli.run_folder.gams.file_finder import Finder, Found
from times_doctor_cli.run_folder.model import Role
from times_doctor_cli.run_folder.search_path import find_written
from times_doctor_cli.run_folder.vtrun.gams_command import GamsCall
from times_doctor_tasks.contract.errors import UsageError

#: The data definition that comes with the TIMES source.
TIMES_DEFINITION = "times2veda.vdd"
_NOT_IN_A_NAME = re.compile(r"[^\w.+@~ ()-]+")


class WantedResults(msgspec.Struct, frozen=True):
    """Results for VEDA, with the definition as a file of this machine."""

    name: str
    definition: Path


def wanted_results(call: GamsCall | None, driver: Path, finder: Finder, *, by_user: bool) -> WantedResults | None:
    """The wanted results, whose definition becomes an input of the model. None if they are not wanted.

    The definition is at VTRUN.CMD's path; if that is of another machine, the file of its name in the TIMES source.

    Args:
        by_user: `--vd`: wanted even if VTRUN.CMD makes none; they then have the driver's name.

    Raises:
        UsageError: the user wants them, and there is no definition.
    """
    asked = call.veda if call else None
    if asked is None and not by_user:
        return None
    written = asked.definition if asked else TIMES_DEFINITION
    path = find_written(written, call.folder, finder.folders) if call and asked else None
    if (path is None or not path.is_file()) and finder.source is not None:
        path = finder.folders.find_file(finder.source, base_of(written))
    who = asked.source if asked else "--vd"
    if path is None or not path.is_file():
        words = f"{who} makes results for VEDA by {written!r}, which is not on this machine"
        if by_user:
            raise UsageError(f"{words}. It comes with the TIMES source: name that with --times-src.")
        finder.warn(f"{words}: no .vd files come with the report.")
        return None
    finder.take(Found(path, path.parent), Role.RESULTS, f"{who} makes results for VEDA by it")
    name = asked.name if asked else driver.stem.lower()
    return WantedResults(_NOT_IN_A_NAME.sub("_", name).strip(" .-") or "results", path)
