"""The sample model: an electricity system as a GAMS run folder like VEDA's, and as a larger LP file for HiGHS."""

from __future__ import annotations

import lzma
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.contract.errors import UsageError

LP_NAME = "demo_large.mps"
#: The part of it that fits every solver's free licence.
SMALL_NAME = "demo_small.mps"
#: The LP files in the package: `python -m tools.sample` makes them of the data in `model/`.
LP_FILE, SMALL_FILE = f"{LP_NAME}.xz", f"{SMALL_NAME}.xz"


class DemoFiles(msgspec.Struct, frozen=True):
    """The paths of the sample."""

    run_dir: Path
    """The folder for `times-doctor scan`, with driver, VTRUN.CMD and option file."""
    lp_file: Path
    """The same system as one larger linear program, in MPS format."""


def write_demo(target: Path, *, small: bool = False) -> DemoFiles:
    """Write the sample below `target`; unchanged files of an earlier call are kept.

    Args:
        small: With `SMALL_NAME`.

    Raises:
        UsageError: `target` cannot be written, or has changed files of the sample.
    """
    package, models = files("times_doctor_cli.demo"), (LP_NAME, SMALL_NAME) if small else (LP_NAME,)
    contents = package_files() | {name: lzma.decompress(package.joinpath(f"{name}.xz").read_bytes()) for name in models}
    try:
        changed = [name for name, content in contents.items() if _differs(target / name, content)]
        if changed:
            raise UsageError(
                f"{str(target)!r} already holds a sample model, which was changed or is of another version: "
                f"{', '.join(changed)}. Nothing was written. Name another folder, or move that one away."
            )
        # all folders first: obstacles show before the first file
        for name in contents:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _write(target / name, content)
    except OSError as error:
        raise UsageError(
            f"The sample model cannot be written to {str(target)!r}: {error.strerror}. "
            "Name a folder that you may write to."
        ) from error
    return DemoFiles(run_dir=target / "parscen", lp_file=target / LP_NAME)


def package_files() -> dict[str, bytes]:
    """The files of the sample's run folder, by path."""
    found: dict[str, bytes] = {}

    def collect(folder: Traversable, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                collect(entry, f"{prefix}{entry.name}/")
            else:
                found[prefix + entry.name] = entry.read_bytes()

    collect(files("times_doctor_cli.demo") / "model", "")
    return dict(sorted(found.items()))


def _differs(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() != content


def _write(path: Path, content: bytes) -> None:
    if path.exists():
        return
    with replacing(path) as part:
        part.write_bytes(content)
