r"""VTRUN.CMD, read as text and never executed: the GAMS command lines in it.

VEDA 2 writes (seen in public run folders; the path and the case name vary):

    SET "$case_name=demos_007"
    CALL ..\..\GAMS_SrcTIMES.v4.7.0\VT_GAMS %$case_name% ..\GAMS_SrcTIMES.v4.7.0 GAMSSAVE\%$case_name% '' ..\ lo=1 2>&1 | tee ...

VT_GAMS.CMD is in the TIMES source folder. It is read too if it exists; otherwise its five arguments are enough: case,
source folder as seen from the data folder, GDX, restart file, data folder, then words for GAMS.
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.caseless_names import Folders, base_of, is_absolute
from times_doctor_cli.run_folder.vtrun.gams_command import (
    DOUBLE_DASH,
    GamsCall,
    Gdx2Veda,
    is_gams,
    parmfile_words,
    read_gams_words,
)

#: Larger files are not command files, bytes.
MAX_BATCH_BYTES = 1024 * 1024
_MAX_DEPTH = 5
#: Represents an argument or variable that only the caller of the command file sets.
_MISSING = "\x00"
#: Variables of our environment that a command file may read: its text ends up in a manifest, which is sent to hosts.
_ENVIRONMENT = frozenset(
    {"times_src", "gamsdir", "gams_dir", "gams_path", "gamspath", "userprofile", "homedrive", "homepath", "systemdrive"}
    | {"programfiles", "programfiles(x86)", "public"}
)
_VARIABLE = re.compile(r"%~?([dpnx]*)([0-9])|%\*|%([^%\s=:]+(?::[^%=]*=[^%]*|:[^%=]*)?)%|!([^!\s=]+)!|%%")
_SET = re.compile(r'set\s+(?:"([^="]+)=(.*)"|([^="\s/][^=]*)=(.*))\s*$', re.IGNORECASE)
_IF = re.compile(
    r"if\s+(?:/i\s+)?(?:not\s+)?(?:exist\s+(?:\"[^\"]*\"|\S+)|errorlevel\s+\d+|defined\s+\S+|"
    r"(?:\"[^\"]*\"|[^\s=]+)\s*==\s*(?:\"[^\"]*\"|\S+)|\S+\s+(?:equ|neq|lss|leq|gtr|geq)\s+\S+)\s*(.*)",
    re.IGNORECASE,
)
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


class Batch(msgspec.Struct):
    """The result of a command file."""

    calls: list[GamsCall] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)


def read_batch(path: Path, folders: Folders, environ: Mapping[str, str]) -> Batch:
    """Read a command file of a run folder; files that it calls are read too, if they are here."""
    batch = Batch()
    _Reader(path.parent, folders, environ, batch).read(path, (), path.name)
    return batch


def _decoded(path: Path) -> str:
    if path.stat().st_size > MAX_BATCH_BYTES:
        return ""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


class _Reader:
    def __init__(self, root: Path, folders: Folders, environ: Mapping[str, str], batch: Batch) -> None:
        self._root = self._folder = root
        self._folders = folders
        self._variables = {name.lower(): value for name, value in environ.items() if name.lower() in _ENVIRONMENT}
        self._batch = batch
        self._depth = 0

    def read(self, path: Path, args: tuple[str, ...], shown: str) -> None:
        self._depth += 1
        for number, line in _joined_lines(_decoded(path)):
            text = line.strip().lstrip("@").strip()
            if re.match(r"(?:rem\b|::|:\w)", text, re.IGNORECASE):
                continue
            for command in _commands(self._expanded(text, path, args)):
                self._command(command, f"{shown} line {number}")
        self._depth -= 1

    def _expanded(self, text: str, path: Path, args: tuple[str, ...]) -> str:
        def value(match: re.Match[str]) -> str:
            if match[0] == "%%":
                return "%"
            if match[0] == "%*":
                return " ".join(args)
            if match[2] is not None:
                return self._argument(int(match[2]), match[1], path, args)
            return self._variable(match[3] or match[4])

        return _VARIABLE.sub(value, text)

    def _argument(self, number: int, modifiers: str, path: Path, args: tuple[str, ...]) -> str:
        if number == 0:
            return f"{path.parent}/" if "p" in modifiers else str(path)
        return args[number - 1] if number <= len(args) else _MISSING

    def _variable(self, name: str) -> str:
        name, _, change = name.partition(":")
        if name.lower() == "cd":
            return str(self._folder)
        value = self._variables.get(name.lower(), _MISSING)
        if "=" in change:
            old, _, new = change.partition("=")
            value = value.replace(old, new)
        return value

    def _command(self, text: str, where: str) -> None:
        text = text.strip().lstrip("(@").strip()
        while condition := _IF.match(text):
            text = condition[1].strip().lstrip("(").strip()
        text = re.sub(r"^\)?\s*else\s+\(?\s*", "", text, flags=re.IGNORECASE)
        if assignment := _SET.match(text):
            name = assignment[1] or assignment[3]
            self._variables[name.strip().lower()] = assignment[2] if assignment[1] else assignment[4].strip()
            return
        words = [word.replace('"', "") for word in _WORD.findall(text.rstrip(")"))]
        if not words:
            return
        verb = words[0].lower()
        if verb in ("cd", "chdir", "pushd"):
            self._change_folder(" ".join(word for word in words[1:] if word.lower() != "/d"), where)
        elif verb == "for":
            self._batch.warnings.append(f"{where} has a loop, which is not followed.")
        else:
            self._start(words[1:] if verb in ("call", "start", "cmd") else words, where)

    def _start(self, words: list[str], where: str) -> None:
        while words and re.fullmatch(r"/[a-z]\w*", words[0], re.IGNORECASE):  # start /wait, cmd /c
            words = words[1:]
        if not words:
            return
        if is_gams(words[0]):
            self._gams(words[1:], where)
            return
        words = [word.replace(_MISSING, "") for word in words]
        if Path(base_of(words[0])).stem.lower() == "gdx2veda":
            self._gdx2veda(words[1:], where)
            return
        script = next((p for ext in ("", ".cmd", ".bat") if (p := self._find(words[0] + ext)) and p.is_file()), None)
        calls_before = len(self._batch.calls)
        if script is not None and script.suffix.lower() in (".cmd", ".bat") and self._depth < _MAX_DEPTH:
            self.read(script, tuple(words[1:]), f"{where}, {script.name}")
        if len(self._batch.calls) == calls_before and Path(base_of(words[0])).stem.lower() == "vt_gams":
            self._vt_gams(words, where)

    def _gams(self, words: list[str], where: str) -> None:
        call = GamsCall(where, self._folder)
        lacking = {word: word.rstrip(f"={_MISSING}") for word in words if word.endswith(f"={_MISSING}")}
        call.needs = [(match[1], where) for text in lacking.values() if (match := DOUBLE_DASH.fullmatch(text))]
        read_gams_words([word.replace(_MISSING, "") for word in words if word not in lacking], call)
        if call.parmfile and (path := self._find(call.parmfile)) and path.is_file():
            read_gams_words(parmfile_words(_decoded(path)), call)
        folder = next((value for name, value in call.parameters if name == "curdir"), None)
        if folder and (path := self._find(folder)) and path.is_dir():
            call.folder = path
        self._batch.calls.append(call)

    def _gdx2veda(self, words: list[str], where: str) -> None:
        """`GDX2VEDA gdx definition [name]`, which is about the GAMS call before it."""
        if self._batch.calls and len(words) > 1:
            gdx, definition, *name = words
            self._batch.calls[-1].veda = Gdx2Veda(where, definition, name[0] if name else Path(base_of(gdx)).stem)

    def _vt_gams(self, words: list[str], where: str) -> None:
        """VEDA's own script, which is not here: its arguments tell what it does."""
        script, *args = words
        case, _, _, restart, data, *rest = (*args, *[""] * 5)[: max(5, len(args))]
        source = re.sub(r"[^\\/]+$", "", script)
        call = GamsCall(where, self._folder, driver=f"{case}.run" if case else "")
        call.idirs = [text for text in (source, data.strip("'")) if text]
        if restart.strip("'"):
            call.restart = restart.strip("'")
        self._batch.calls.append(read_gams_words(rest, call))

    def _change_folder(self, written: str, where: str) -> None:
        folder = self._find(written) if written else self._folder
        if folder is not None and folder.is_dir():
            self._folder = folder
        elif base_of(written) == self._root.name:
            self._folder = self._root  # this folder, named by a path of another machine
        elif not is_absolute(written):
            self._batch.warnings.append(f"{where} goes to the folder {written!r}, which is not here.")

    def _find(self, written: str) -> Path | None:
        written = written.strip('"').replace(_MISSING, "")
        if is_absolute(written):
            path = Path(written)
            return path if path.is_absolute() and path.exists() else None
        return self._folders.find(self._folder, written)


def _joined_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers; a caret at the end of a line continues it."""
    lines: list[tuple[int, str]] = []
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("^") and not line.endswith("^^"):
            pending += line[:-1]
            continue
        lines.append((start, pending + line))
        pending, start = "", 0
    return [*lines, (start, pending)] if pending else lines


def _commands(line: str) -> list[str]:
    """The commands of a line, split at & and |, without redirections and carets."""
    commands, text, quoted, skip = [], "", False, False
    characters = iter(range(len(line)))
    for index in characters:
        char = line[index]
        if char == '"':
            quoted = not quoted
        if not quoted and char == "^":
            following = next(characters, None)
            text += line[following] if following is not None else ""
        elif not quoted and char in "<>":
            text = re.sub(r"(?:^|(?<=\s))[0-9]$", "", text)
            skip = True
        elif skip and (char in "& " or char == ">") and line[index - 1] in "<>":
            continue  # >>, >&, > name
        elif not quoted and char in "&|":
            commands.append(text)
            text, skip = "", False
        elif skip and char in " \t":
            skip = False
            text += char
        elif not skip:
            text += char
    return [command for command in (*commands, text) if command.strip()]
