"""Write the LP files that the product ships from the data of the sample model: `python -m tools.sample`."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from dataclasses import replace

from tools.house import TOP
from tools.sample.data import SystemData, mean_weather, read_system
from tools.sample.mps import build_plan

from times_doctor_cli.demo.files import LP_FILE, SMALL_FILE, package_files


def system() -> SystemData:
    """What the data files of the sample say."""
    return read_system([content.decode() for name, content in package_files().items() if name.endswith(".dd")])


def large_plan(years: Sequence[str] | None = None) -> bytes:
    """One plan for these weather years (all of them), in MPS format."""
    data = system()
    chosen = years or data.names("WY")
    weathers = [mean_weather(data, year, [year], weight=1 / len(chosen)) for year in chosen]
    return "".join(build_plan(data, weathers).mps()).encode()


def small_plan() -> bytes:
    """One plan for a winter that lasts a year, in MPS format: it fits the free licence of every solver."""
    data = system()
    first = data.names("WY")[0]
    whole = mean_weather(data, first, [first], weight=1)
    winter = [time for time in whole.slices if time.name.startswith("W")]
    longer = sum(time.hours_year for time in whole.slices) / sum(time.hours_year for time in winter)
    slices = [replace(time, hours_year=time.hours_year * longer) for time in winter]
    return "".join(build_plan(data, [replace(whole, slices=slices)]).mps()).encode()


if __name__ == "__main__":
    for file, plan in ((LP_FILE, large_plan()), (SMALL_FILE, small_plan())):
        (TOP / "cli/times_doctor_cli/demo" / file).write_bytes(lzma.compress(plan, preset=9))
        print(f"Wrote {file}.")
