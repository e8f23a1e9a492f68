"""A model file's scaling, read before its scan: if it is bad, a scaled profile is added."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from times_doctor_cli.diagnosis.programs import has_highs, ranges_of
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.run_folder.model import RunDir, RunKind
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.profiles.profile import SCALED, ModelClass, Profile
from times_doctor_tasks.profiles.registry import built_in_profiles
from times_doctor_tasks.results.ranges import bad_parts, scale_options, scaling_sentence

#: Seconds, and bytes of a model file, above which a scan skips its ranges: only `diagnose` waits.
RANGES_S = 10.0
MOST_BYTES = 200 << 20
#: Classes whose matrix HiGHS scales by option.
_SCALABLE = frozenset({ModelClass.LP, ModelClass.MIP})


def with_ranges(run_dir: RunDir) -> RunDir:
    """The same with the ranges of an LP file, and a warning if they are bad; without them if that takes too long."""
    if run_dir.kind is not RunKind.LP or not has_highs() or run_dir.driver.stat().st_size > MOST_BYTES:
        return run_dir
    try:
        with tempfile.TemporaryDirectory(prefix="td-ranges-") as folder:
            ranges = ranges_of(run_dir.driver, Path(folder), limit_s=RANGES_S) or {}
    except UsageError:  # the run will report why it cannot be read
        return run_dir
    warning = scaling_sentence(ranges, run_dir.driver.name)
    if warning:
        warning = f"{warning} `times-doctor diagnose` names the values."
    return replace(run_dir, ranges=ranges, warnings=(*run_dir.warnings, *([warning] if warning else ())))


def with_scaled(profiles: Sequence[Profile], request: ScanRequest, run_dir: RunDir) -> tuple[Profile, ...]:
    """The profiles with the scaled one, if none was chosen and the model is badly scaled; fitted to its ranges."""
    if not run_dir.ranges or all(profile.engine != "highs" for profile in profiles):
        return tuple(profiles)
    (plain,) = (profile for profile in built_in_profiles("highs", engine="highs") if profile.name == SCALED)
    lines = [f"{name} = {value}\n" for name, value in scale_options(run_dir.ranges).items()]
    fitted = replace(plain, options="".join([*lines, plain.options]))
    chosen = tuple(fitted if profile == plain else profile for profile in profiles)
    is_open = not request.profiles and not request.opt_files and run_dir.model_class in _SCALABLE
    return (*chosen, fitted) if is_open and bad_parts(run_dir.ranges) else chosen
