"""Pages that are made from the code: commands, settings, profiles, and the interface for programs."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path

import times_doctor_cli
from times_doctor_cli.main import COMMANDS
from times_doctor_tasks.config.settings import FOLDERS, SETTINGS, Settings
from times_doctor_tasks.profiles.registry import built_in_profiles

#: What `built_in_profiles` calls GAMS; every other engine is a solver without it.
_GAMS = "gams"


def commands_page() -> str:
    """What each command's --help says."""
    program = [str(Path(sys.executable).parent / "times-doctor")]
    env = os.environ | {"COLUMNS": "80", "NO_COLOR": "1"}
    parts = ["# Commands\n\n`times-doctor COMMAND --help` shows the same text.\n"]
    for name in COMMANDS:
        said = subprocess.run([*program, name, "--help"], env=env, check=True, capture_output=True, text=True).stdout
        parts.append(f"## {name}\n\n```\n{said.strip()}\n```\n")
    return "\n".join(parts)


def _docstrings_of_fields() -> dict[str, str]:
    """The strings below the fields of `Settings`, by field."""
    (body,) = [node.body for node in ast.walk(ast.parse(inspect.getsource(Settings))) if isinstance(node, ast.ClassDef)]
    found: dict[str, str] = {}
    for field, below in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[field.target.id] = str(below.value.value)
    return found


def _default(name: str) -> str:
    if name == "cache_dir":
        return "the user's cache folder, such as `~/.cache/times-doctor`"
    if name == "host":
        return "the machine's name"
    match getattr(Settings(), name):
        case None:
            return "none"
        case bool(value):
            return "`on`" if value else "`off`"
        case tuple(values):
            return f"`{','.join(values)}`"
        case float(number):
            return f"`{number:g}`"
        case value:
            return f"`{value}`"


def configuration_page() -> str:
    """Each setting: its name in the file, its variable, what it may be, its default, what it is for."""
    meaning = _docstrings_of_fields()
    lines = [
        "# Configuration",
        "",
        "times-doctor takes each value from the first of these that has it: the command line, the environment,",
        "`times-doctor.toml` in the current folder or one above it, the same file in your configuration folder",
        f"(on Linux `~/.config/{FOLDERS.appname}/`), the default. `times-doctor check` shows each with its source.",
        "A wrong value is an error that names it.",
        "",
        "Passwords are part of a URL, in the environment or in the file. No option of the command line takes one.",
        "",
    ]
    for setting in SETTINGS:
        lines += [
            f"## {setting.name}",
            "",
            meaning.get(setting.name, ""),
            "",
            f"- variable: `{setting.variable}`",
            f"- value: {setting.expected}",
            f"- default: {_default(setting.name)}",
            "",
        ]
    return "\n".join(lines)


def profiles_page() -> str:
    """Each built-in profile by solver: its options, what it does, when to use it."""
    parts = [
        "# Solvers and profiles\n\nA profile is a named set of solver options. `times-doctor profiles` lists them too; "
        "`-p dual` takes one, `-p highs:dual` that of one solver, `-p @hard` a set. *Interior*: it ends without a "
        "vertex solution, so marginals (prices) differ from those of a simplex solve. CPLEX, Gurobi, Xpress and COPT "
        "take the same options without GAMS.\n"
    ]
    for (solver, engine), group in groupby(built_in_profiles(engine=None), key=lambda p: (p.solver, p.engine)):
        parts.append(f"## {solver}, {'with' if engine == _GAMS else 'without'} GAMS\n")
        for profile in group:
            marks = [*(["*interior*"] if profile.interior else []), *(f"`@{name}`" for name in sorted(profile.sets))]
            parts.append(f"### {profile.name}\n")
            parts.append(f"{_sentence(profile.does)} {_sentence(profile.use_when)} {', '.join(marks)}".strip() + "\n")
            parts.append(f"```\n{profile.options.strip()}\n```\n")
    return "\n".join(parts)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}." if words else ""


def python_page() -> str:
    """The names that a program uses, from their docstrings."""
    return "\n".join(["# Python interface", "", *_interface(times_doctor_cli.__all__), ""])


def _interface(names: Iterable[str]) -> Iterator[str]:
    yield "```{eval-rst}"
    yield ".. automodule:: times_doctor_cli.api"
    yield "   :no-members:"
    yield ""
    for name in names:
        found = getattr(times_doctor_cli, name)
        kind = "autoclass" if inspect.isclass(found) else "autofunction"
        yield f".. {kind}:: {found.__module__}.{name}"
        if kind == "autoclass":
            yield "   :members:"
        yield ""
    yield "```"


def write(folder: Path) -> None:
    """Write every page of this module into a folder."""
    for page in (commands_page, configuration_page, profiles_page, python_page):
        (folder / f"{page.__name__.removesuffix('_page')}.md").write_text(page(), "utf-8")
