"""Makes a folder that passes for a GAMS system and replays recordings in its own way.

A worker gives GAMS a cleaned environment, so what the stand-in needs to know stands in its launcher.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def install_recorded_gams(
    folder: Path, *, speed: float = 1.0, licence_until: str = "", gdx: Path | None = None
) -> Path:
    """The folder, ready for `--gams-path`.

    Args:
        folder: Made if need be.
        speed: 1 as recorded, 10 ten times as fast, 0 at once.
        gdx: What every run leaves as its GDX, by default no real one; the system folder is `folder` then.
        licence_until: The end of its demo licence as GAMS writes it ("Nov 26, 2026"); none by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "gmscmpun.txt", folder)
    launcher = folder / "gams"
    settings = f"TD_RECORDED_SPEED={speed} TD_RECORDED_LICENCE_UNTIL={shlex.quote(licence_until)}"
    if gdx:
        settings += f" TD_RECORDED_SYSTEM={shlex.quote(str(folder.absolute()))} TD_RECORDED_GDX={shlex.quote(str(gdx))}"
    command = f"{shlex.quote(sys.executable)} -I -S -B {shlex.quote(str(HERE / 'recorded_gams.py'))}"
    launcher.write_text(f'#!/bin/sh\nexport {settings}\nexec {command} "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Makes a folder that passes for a GAMS system.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--licence-until", default="")
    arguments = parser.parse_args()
    install_recorded_gams(arguments.folder, speed=arguments.speed, licence_until=arguments.licence_until)
