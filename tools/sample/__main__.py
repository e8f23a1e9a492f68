"""Write `demo_large.mps.xz`, which the product ships, from the data of the sample model: `python -m tools.sample`."""

from __future__ import annotations

import lzma
from collections.abc import Sequence

from tools.house import TOP
from tools.sample.data import SystemData, mean_weather, read_system
from tools.sample.mps import build_plan

from times_doctor_cli.demo.files import LP_FILE, LP_NAME, package_files


def system() -> SystemData:
    """What the data files of the sample say."""
    return read_system([content.decode() for name, content in package_files().items() if name.endswith(".dd")])


def large_plan(years: Sequence[str] | None = None) -> bytes:
    """One plan for these weather years (all of them), in MPS format."""
    data = system()
    chosen = years or data.names("WY")
    weathers = [mean_weather(data, year, [year], weight=1 / len(chosen)) for year in chosen]
    return "".join(build_plan(data, weathers).mps()).encode()


if __name__ == "__main__":
    (TOP / "cli/times_doctor_cli/demo" / LP_FILE).write_bytes(lzma.compress(large_plan(), preset=9))
    print(f"Wrote {LP_NAME}.")
