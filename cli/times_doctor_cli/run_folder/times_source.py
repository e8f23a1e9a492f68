"""The TIMES source folder: how to recognise it, and the files that a model needs.

TIMES puts most of its own include names together while it compiles (`main_ext.mod` alone calls some 60 of them), so the
folder is taken whole: a few hundred text files, 2 MB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from times_doctor_cli.run_folder.caseless_names import Folders
from times_doctor_cli.run_folder.gams.dollar import dollar_lines, name_text, split_directive
from times_doctor_cli.run_folder.gams.macros import first_token

#: Both are in the folder of every TIMES version.
_HALLMARKS = ("initsys.mod", "maindrv.mod")
#: Extensions of the files of TIMES 4.9 and of its known extensions.
_EXTENSIONS = frozenset(
    {"mod", "gms", "tm", "stc", "stp", "dsc", "etl", "cli", "vda", "ier", "lin", "rpt", "red", "mlf", "msa", "ecb"}
    | {"abs", "ans", "def", "v3", "mrg", "mca", "cgi", "rcd", "ext", "inc", "mod1", "cmp"}
)
#: Files in a source folder that are not source.
_NOT_SOURCE = frozenset(
    {"cmd", "bat", "sh", "exe", "dll", "so", "zip", "rar", "7z", "gz", "pdf", "doc", "docx", "xls", "xlsx", "xlsm"}
    | {"md", "rst", "html", "log", "lst", "gdx", "g00", "g01", "vdd", "vdt", "vd", "vde", "vds", "opt", "json", "yml"}
    | {"yaml", "png", "jpg", "py", "dd", "dds", "run", "bak", "tmp", "lxi", "ref", "mps", "lp", "csv", "txt", "op2"}
)
#: A larger file is not source text, bytes.
MAX_SOURCE_BYTES = 4 * 1024 * 1024
_PROBE_BYTES = 4096
_SET = re.compile(r"set(?:global|local)?\s+(\w+)", re.IGNORECASE)


def is_times_source(folder: Path, folders: Folders) -> bool:
    """Whether a folder holds the TIMES source."""
    return all(folders.find_file(folder, name) for name in _HALLMARKS)


def sources_near(folder: Path, folders: Folders) -> tuple[str, ...]:
    """TIMES source folders beside a run folder, or beside its parents: where VEDA puts them."""
    return tuple(
        str(above / name)
        for above in list(folder.parents)[:3]
        for name in folders.names(above)
        if ("src" in name.lower() or "source" in name.lower()) and is_times_source(above / name, folders)
    )


def belongs_to_source(name: str) -> bool:
    """Whether a file of this name would be TIMES source rather than the model's own data."""
    return Path(name).suffix.lower().lstrip(".") not in _NOT_SOURCE


def is_needed_source(written: str) -> bool:
    """Whether a missing include can only come from the TIMES source."""
    return Path(written.replace("\\", "/")).name.lower() in {*_HALLMARKS, "initmty.mod"} or written.lower().endswith(
        (".mod", ".stc", ".stp", ".vda")
    )


def source_files(folder: Path, folders: Folders, *, mixed: bool) -> Iterator[Path]:
    """The source text files of a folder.

    Args:
        mixed: the folder also holds the model's data and outputs; then only known extensions count.
    """
    for name in folders.names(folder):
        extension = Path(name).suffix.lower().lstrip(".")
        if name.startswith(".") or (extension not in _EXTENSIONS if mixed else extension in _NOT_SOURCE):
            continue
        path = folder / name
        if path.is_file() and path.stat().st_size <= MAX_SOURCE_BYTES and not _is_binary(path):
            yield path


def _is_binary(path: Path) -> bool:
    with path.open("rb") as stream:
        return b"\x00" in stream.read(_PROBE_BYTES)


def outside_names(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line, "include", "call" or "set", text): the includes, calls and variables of a file."""
    for line in dollar_lines(path):
        yield from ((line.number, "set", name) for name in _SET.findall(line.text))
        keyword, rest = split_directive(line.text)
        while keyword.startswith(("if", "else")) and "$" in rest:  # after a condition
            keyword, rest = split_directive(rest[rest.index("$") :])
        if keyword in ("include", "batinclude") and (name := first_token(rest)[0]):
            yield line.number, "include", name_text(name)
        elif keyword in ("call", "hiddencall"):
            yield line.number, "call", rest
