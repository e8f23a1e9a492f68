"""The facts that `--dry-run` shows of a run folder, each with its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from times_doctor_cli.run_folder.model import Role, RunDir, RunKind
from times_doctor_tasks.contract.wording import counted

#: The name for a folder in which GAMS looks for files.
INPUT_FOLDER = "input folder"
_ROLE_WORDS = {
    Role.DRIVER: "driver",
    Role.INCLUDE: "included",
    Role.DATA: "data",
    Role.SOURCE: "TIMES source",
    Role.GDX: "GDX",
    Role.RESTART: "restart",
    Role.RESULTS: "results definition",
    Role.EXTRA: "--include",
}


def facts_of(run: RunDir) -> tuple[tuple[str, str], ...]:
    """(what, value and where it comes from), in reading order."""
    return tuple(_facts(run))


def _facts(run: RunDir) -> Iterator[tuple[str, str]]:
    if run.kind is RunKind.LP:
        size = megabytes(run.inputs[0].size_bytes)
        yield "model file", f"{run.driver.name} ({run.driver_source}), {size}, {run.model_class}; without GAMS"
        return
    yield "driver", f"{run.driver.name} ({run.driver_source})"
    for idir in run.idirs:
        yield INPUT_FOLDER, f"{idir.path} ({idir.source})"
    yield "TIMES source", str(run.source) if run.source else "none used"
    counts = Counter(file.role for file in run.inputs)
    words = ", ".join(f"{counts[role]} {_ROLE_WORDS[role]}" for role in Role if counts[role])
    yield (
        "inputs",
        f"{counted(len(run.inputs), 'file')}, {megabytes(sum(file.size_bytes for file in run.inputs))}: {words}",
    )
    for group in run.computed:
        found = f"{counted(group.count, 'file')}, {megabytes(group.size_bytes)}"
        yield "computed name", f"{group.written} ({group.why}): {group.pattern} of {group.folder}, {found}"
    for parameter in run.parameters:
        yield "parameter", f"{parameter.name}={parameter.value} ({parameter.source})"
    yield from _facts_beside(run)


def _facts_beside(run: RunDir) -> Iterator[tuple[str, str]]:
    """The other needs of a run, and its outputs."""
    if run.veda:
        yield "for VEDA", f"{run.veda.name}.vd, .vde and .vds of the recommended run"
    if run.gdxpath:
        yield "GDX folder", f"{run.gdxpath} ({run.gdxpath_source})"
    for file in run.inputs:
        if file.role is Role.GDX:
            yield "GDX input", f"{file.path} ({file.why})"
    yield "restart", f"{run.restart.path} ({run.restart_source})" if run.restart else "none"
    for solver, path in sorted(run.option_files.items()):
        yield "option file", f"{path.name}: profile current of {solver}"
    if run.rewrites:
        yield (
            "rewritten",
            f"{counted(len(run.rewrites), 'line')} with paths, in the solver's copy only",
        )


def megabytes(size_bytes: int) -> str:
    """A size as text.

    >>> megabytes(1_340_000), megabytes(900), megabytes(2_500_000_000)
    ('1.3 MB', '1 kB', '2,500 MB')
    """
    if size_bytes < 100_000:
        return f"{max(1, round(size_bytes / 1e3))} kB"
    return f"{size_bytes / 1e6:,.0f} MB" if size_bytes >= 100e6 else f"{size_bytes / 1e6:.1f} MB"
