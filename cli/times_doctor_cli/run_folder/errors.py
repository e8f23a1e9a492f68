"""Errors of a run folder; each message names the thing, what was expected and what to do next."""

from __future__ import annotations

import shlex

from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.wording import some_of

#: Of a longer name only the two ends are shown: nobody can read a line of 27,000 characters.
_MAX_SHOWN = 160


def _shown(name: str) -> str:
    if len(name) <= _MAX_SHOWN:
        return repr(name)
    half = _MAX_SHOWN // 2
    return f"{name[:half]!r} ... {name[-half:]!r} ({len(name):,} characters)"


def _list(names: tuple[str, ...], *, at_most: int = 8) -> str:
    return some_of([_shown(name) for name in names], at_most)


class RunDirUnreadable(UsageError):
    """The path given is not a run folder or a driver."""

    words = "{0!r} {1}. Expected a run folder, or a .run, .gms, .mps, .mps.gz or .lp file."


class EmptyModel(UsageError):
    """An LP file is empty."""

    words = (
        "The model file {0!r} is empty. Expected a linear program in MPS or CPLEX's LP format; "
        "was the disk full when it was exported? Export it again."
    )


class DecimalComma(UsageError):
    """Numbers of an MPS file have a decimal comma."""

    words = (
        "The model file has the number {0!r}. Expected a decimal point: solvers read the part before "
        "the comma only, so they would solve another model. Export it again with points."
    )


class MisreadObjective(UsageError):
    """HiGHS ignores what a model file says about its objective, and would solve another model."""

    words = "The model file says {0!r}, and HiGHS passes over that without a word, so it would solve another model. {1}"


class NameIsNoText(UsageError):
    """A folder's name has bytes that are not UTF-8, and so cannot be in a report."""

    words = "The folder name {0!r} is not text (bytes that are not UTF-8): no report could name it. Rename the folder."


class DriverNotFound(UsageError):
    """A run folder has no file to start GAMS with."""

    def __str__(self) -> str:
        folder, cases = self.args
        if cases:
            return (
                f"{folder!r} holds no driver, but folders of cases: {_list(tuple(cases))}. "
                f"Name one: times-doctor scan {shlex.quote(f'{folder}/{cases[0]}')}"
            )
        return (
            f"No driver in {folder!r}: expected a .run or .gms file, or a .mps or .lp file. "
            "Name the folder of one case, or the file itself."
        )


class DriverAmbiguous(UsageError):
    """A run folder has several drivers, and nothing selects one."""

    def __str__(self) -> str:
        folder, candidates = self.args
        return (
            f"{folder!r} holds several drivers: {_list(tuple(candidates))}. "
            f"Name one: times-doctor scan {shlex.quote(f'{folder}/{candidates[0]}')}"
        )


class MissingInput(UsageError):
    """An included file is in none of the folders GAMS would look in."""

    def __str__(self) -> str:
        written, where, searched = self.args
        return (
            f"{where} includes {_shown(written)}, which is in none of these folders: {_list(tuple(searched))}. "
            "Put it there, or name its folder with --include DIR."
        )


class NotAFile(UsageError):
    """An include names something that is not a readable file."""

    def __str__(self) -> str:
        written, where, path, why = self.args
        return f"{where} includes {_shown(written)}, but {_shown(path)} {why}. Put the file itself there."


class SourceNotFound(UsageError):
    """The TIMES source folder is not known."""

    def __str__(self) -> str:
        written, where, tried, near = self.args
        close_by = f" There is one close by: --times-src {near[0]}" if near else ""
        return (
            f"{where} includes {_shown(written)} of the TIMES source, which is in none of these folders: "
            f"{_list(tuple(tried))}. Name the TIMES source folder: --times-src DIR, TIMES_SRC, or times_src in "
            f"times-doctor.toml.{close_by}"
        )


class NotTimesSource(UsageError):
    """A folder given as TIMES source does not hold it."""

    words = (
        "{1} names {0!r}, which is not a TIMES source folder: expected 'initsys.mod' and "
        "'maindrv.mod' in it. Name the folder that holds them."
    )


class MissingGdx(UsageError):
    """A GDX file that the model reads is missing: TIMES would silently go on with another model."""

    def __str__(self) -> str:
        files, control, where, searched = self.args
        name = control.split("=")[0].strip()
        else_what = "TIMES would solve another model and not say so"
        if name.startswith("$"):
            else_what = "GAMS cannot compile the model"
        return (
            f"{where}: {control} needs the GDX file {' or '.join(_shown(file) for file in files)}, which is in none of "
            f"these folders: {_list(tuple(searched))}. Without it {else_what}. "
            f"Put the file there, or take {name} out of the driver."
        )


class AbsoluteInclude(UsageError):
    """An include names a path of one machine."""

    def __str__(self) -> str:
        written, where = self.args
        return (
            f"{where} includes {_shown(written)}, an absolute path, which means nothing on a solver host. "
            "Write the bare file name there, or give the file with --include FILE."
        )


class NoVariables(UsageError):
    """A compile-time variable was given for a model that GAMS does not compile."""

    words = "--gams-arg {1}: {0} is solved without GAMS and its variables. Leave it out."


class RestartNotFound(UsageError):
    """The work file to restart from is missing."""

    words = (
        "--restart names {0!r}, which is not there. Expected a .g00 file, such as _times.g00 of the "
        "TIMES source folder, or the words auto or none."
    )


class IncludeNotFound(UsageError):
    """A path given with --include does not exist."""

    words = "--include names {0!r}, which is not there. Expected a file or a folder."


class LeavesTree(UsageError):
    """A link leads out of the model's folders."""

    words = (
        "{0!r} is a link to {1!r}, outside of the folders of this model. "
        "If the model really needs that file, say so: --include {1!r}"
    )


class AmbiguousName(UsageError):
    """Two files differ only in the case of their letters, and the model names neither exactly."""

    def __str__(self) -> str:
        written, first, second = self.args
        return (
            f"{_shown(written)} may mean {first!r} or {second!r}: GAMS on Windows knows only one of them. "
            "Remove or rename the one the model does not use."
        )


class TooMuch(UsageError):
    """More files or bytes than any model has."""

    words = "{1}: {0}. Expected one model; name the folder of one case, or its driver."
