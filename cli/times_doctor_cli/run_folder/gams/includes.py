"""The include chain: every file a driver reads, found the way GAMS finds it.

GAMS looks in its working directory, then in each input folder, never beside the including file; it tries a name as it
is, then with `.gms` (all measured with 54.6). A file that may be read is taken if it exists; a missing file that must
be read is an error. The TIMES source is taken whole (see `run_folder/times_source.py`), not followed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from times_doctor_cli.run_folder.errors import TooMuch
from times_doctor_cli.run_folder.gams.chain_position import Block, Chain, FileReading, GdxUse, Reach, SetUse
from times_doctor_cli.run_folder.gams.conditions import Condition, read_condition
from times_doctor_cli.run_folder.gams.dollar import (
    DollarLine,
    code_variables,
    commented_lines,
    dollar_lines,
    gdx_loads,
    name_text,
    split_directive,
)
from times_doctor_cli.run_folder.gams.file_finder import Finder, Found
from times_doctor_cli.run_folder.gams.macros import COMMENT, UNKNOWN, Macros, first_token, tokens, written_value
from times_doctor_cli.run_folder.gams.needs import ABORTS, Needs
from times_doctor_cli.run_folder.model import NameUse, SearchLimits

#: A model with more includes than this, with ever new arguments, would never end.
MAX_READINGS = 50_000

_REACH_OF = {True: Reach.SURELY, None: Reach.MAYBE, False: Reach.NEVER}
_TEXT_BLOCKS = {
    "ontext": ("offtext",),
    "onecho": ("offecho",),
    "onechos": ("offecho",),
    "onechov": ("offecho",),
    "onput": ("offput",),
    "onputs": ("offput",),
    "onputv": ("offput",),
    "onembeddedcode": ("offembeddedcode",),
    "onembeddedcodes": ("offembeddedcode",),
    "onembeddedcodev": ("offembeddedcode",),
}
_SETTERS = frozenset({"set", "setglobal", "setlocal"})
_UNREADABLE_SETTERS = frozenset({"eval", "evalglobal", "evallocal", "setenv", "prefixpath", "setdate"})
_INCLUDES = frozenset({"include", "batinclude"})
_CALLS = frozenset({"call", "hiddencall"})
_ENDS = frozenset({"exit", "stop", "terminate", "quit"})


class ChainReader:
    """Reads a driver and all its includes, once."""

    def __init__(self, finder: Finder, macros: Macros, limits: SearchLimits) -> None:
        self._finder = finder
        self._macros = macros
        self._limits = limits
        self._visited: dict[tuple[Path, tuple[str, ...] | None, int], Reach] = {}
        self._open: list[Path] = []
        """The files being read, each included by the one before it."""
        self._scans: dict[Path, list[DollarLine]] = {}
        self._comment = COMMENT
        self._block, self._has_blocks = ("/*", "*/"), False
        self._commented = functools.cache(commented_lines)
        self._code: list[tuple[str, str]] = []
        """(place, variable) of each variable in a statement."""
        self.needs = Needs(macros)
        self.chain = Chain()

    def read(self, driver: Path) -> Chain:
        """Follow the chain from its start."""
        self._read_file(driver, None, Reach.SURELY)
        for where, name in self._code:
            self.needs.note(f"%{name}%", where)
        return self.chain

    def _read_file(self, path: Path, args: tuple[str, ...] | None, reach: Reach) -> None:
        # Another value of a variable may lead to other files; a file that includes itself still ends.
        key = path, args, 0 if path in self._open else self._macros.state()
        if self._visited.get(key, Reach.NEVER) >= reach:
            return
        self._visited[key] = reach
        if len(self._visited) > MAX_READINGS:
            raise TooMuch(f"files are included more than {MAX_READINGS} times with different arguments", path.name)
        self._open.append(path)
        if len(self._open) > self._limits.depth:
            raise TooMuch(f"includes are nested more than {self._limits.depth} deep", path.name)
        if path not in self._scans:
            self._scans[path] = dollar_lines(path)
            if path.suffix.lower() not in (".dd", ".dds"):
                self._note_code(path)
        file = FileReading(path, args, reach, self._scans[path])
        while file.at < len(file.lines):
            self._read_line(file)
            file.at += 1
        for name in file.scoped:  # a $set ends with its file
            self._macros.doubt(name)
        self._open.pop()

    def _note_code(self, path: Path) -> None:
        self._code += [(f"{path.name}:{line}", name) for line, name in code_variables(path)]
        for load in gdx_loads(path):
            names = tuple(self._macros.expand(load.written))
            self.chain.gdx_uses.append(GdxUse(path, load.number, load.written, names, Reach.MAYBE, at_run_time=True))

    def _read_line(self, file: FileReading) -> None:
        line = file.lines[file.at]
        keyword, rest = split_directive(line.text)
        before = {value.strip() for value in self._macros.expand(line.prefix, file.args)} if line.prefix else {""}
        if all(value.startswith("*") for value in before):
            return
        if file.until:
            if keyword in file.until:
                file.until = ()
            return
        if keyword in _TEXT_BLOCKS:
            file.until = _TEXT_BLOCKS[keyword]
            self._finder.note_written(rest.lstrip("> "))
            return
        if self._block_line(file, keyword, rest):
            return
        if file.skip_to_label and keyword == "label" and file.skip_to_label in rest.lower().split():
            file.skip_to_label = ""
            return
        self.needs.note(line.prefix, file.where)
        reach = Reach.SURELY if before == {""} else Reach.MAYBE
        if self._has_blocks and file.line in self._commented(file.path, *self._block):
            reach = Reach.MAYBE
        self._directive(file, keyword, rest, min(reach, file.reach_here()))

    def _block_line(self, file: FileReading, keyword: str, rest: str) -> bool:
        """Handle `$ifthen` and what belongs to it."""
        if keyword.startswith("ifthen"):
            condition = self._condition(file, keyword, rest)
            reach = _REACH_OF[condition.truth]
            is_open, lacking = condition.truth is None, self.needs.lacking(rest)
            file.blocks.append(Block(reach, undecided=is_open, taken=condition.truth is True, lacking=lacking))
            self._command(file, condition.rest, file.reach_here())
        elif keyword == "endif":
            if file.blocks:
                file.blocks.pop()
        elif keyword.startswith("else"):
            if file.blocks:
                self._else(file, file.blocks[-1], keyword, rest)
        else:
            return False
        return True

    def _else(self, file: FileReading, block: Block, keyword: str, rest: str) -> None:
        truth: bool | None = True
        command, block.lacking = rest, ""
        if keyword != "else":
            condition = self._condition(file, keyword, rest)
            truth, command = condition.truth, condition.rest
        block.reach = Reach.NEVER if block.taken else min(_REACH_OF[truth], Reach(2 - block.undecided))
        block.undecided = block.undecided or truth is None
        block.taken = block.taken or truth is True
        self._command(file, command, file.reach_here())

    def _condition(self, file: FileReading, keyword: str, rest: str) -> Condition:
        def exists(written: str) -> bool | None:
            return self._exists(file, written)

        return read_condition(keyword, rest, self._macros, file.args, exists)

    def _exists(self, file: FileReading, written: str) -> bool | None:
        answers = set()
        for name in self._macros.expand(written, file.args):
            if UNKNOWN in name:
                return None
            found = self._finder.find(name, file.path, extensions=("",))
            answers.add(found is not None)
            if found is not None and file.reach_here():
                self._finder.take(found, None, f"{file.where}, if it exists")
                self._finder.uses.append(NameUse(file.path, file.line, written, name, found.path))
        return answers.pop() if len(answers) == 1 else None

    def _command(self, file: FileReading, text: str, reach: Reach) -> None:
        """Handles the rest of a condition's line: nothing, a dollar command, or GAMS code."""
        text = text.strip()
        if text.startswith("$"):
            self._directive(file, *split_directive(text), reach)

    def _directive(self, file: FileReading, keyword: str, rest: str, reach: Reach) -> None:
        if keyword in ("if", "ifi", "ife"):
            self._if(file, keyword, rest, reach)
        elif reach is Reach.NEVER:
            return
        elif keyword in _INCLUDES:
            self._include(file, keyword, rest, reach)
        elif keyword in _SETTERS:
            self._set(file, keyword, rest, reach)
        elif keyword in _CALLS or keyword in ("gdxout", "echo", "echon"):
            for text in self._macros.expand(rest, file.args):
                self._finder.note_written(text, (file.path, file.line) if keyword in _CALLS else None)
        elif keyword == "gdxin":
            self._gdxin(file, rest, reach)
        elif keyword in ABORTS and (lacking := [block.lacking for block in file.blocks if block.lacking]):
            self.needs.add(lacking[-1], file.where)
        elif keyword in _ENDS or keyword in ("goto", "label"):
            self._jump(file, keyword, rest, reach)
        else:
            self._forget(file, keyword, rest, reach)

    def _if(self, file: FileReading, keyword: str, rest: str, reach: Reach) -> None:
        condition = self._condition(file, keyword, rest)
        reach = min(reach, _REACH_OF[condition.truth])
        if (lacking := self.needs.lacking(rest)) and split_directive(condition.rest)[0] in ABORTS:
            self.needs.add(lacking, file.where)
        if condition.rest.strip():
            self._command(file, condition.rest, reach)
        else:
            file.next_line = (file.line + 1, reach)

    def _include(self, file: FileReading, keyword: str, rest: str, reach: Reach) -> None:
        raw, after, is_quoted = first_token(rest)
        words = tokens(after)
        if keyword == "include":
            raw = written_value(rest, self._comment).strip("'\"")
        options = self._macros.expand(raw, file.args)
        certain = len(options) == 1
        for name in options:
            reach_one = reach if certain else min(reach, Reach.MAYBE)
            args = None if keyword == "include" else self._expand_args(words, file.args)
            if UNKNOWN in name:
                all_found = self._finder.take_computed(raw, name, file.path, file.line)
                self.needs.note(raw, file.where, [found.path.name for found in all_found])
                for found in all_found:
                    self._read_file(found.path, args, Reach.MAYBE)
                continue
            found_one = self._finder.find(name, file.path)
            if found_one is None and not is_quoted:  # something stands behind the name
                found_one = self._finder.find(first_token(name)[0].rstrip(";"), file.path)
            if found_one is None:
                self._finder.report_missing(name_text(name), file.where, surely=reach_one is Reach.SURELY)
            else:
                target, is_ours = found_one.path if certain else None, self._macros.of_environment(raw)
                self._finder.uses.append(NameUse(file.path, file.line, raw, name, target, is_exact=is_ours))
                self._enter(found_one.path, args, reach_one, found_one, file.where)

    def _expand_args(self, words: Sequence[str], args: tuple[str, ...] | None) -> tuple[str, ...]:
        expanded = (self._macros.expand(word, args) for word in words)
        return tuple(options[0] if len(options) == 1 else UNKNOWN for options in expanded)

    def _enter(self, path: Path, args: tuple[str, ...] | None, reach: Reach, found: Found, where: str) -> None:
        if self._finder.take_source(path, where):
            self._macros.doubt_all()
        else:
            self._finder.take(found, None, where)
            self._read_file(path, args, reach)

    def _set(self, file: FileReading, keyword: str, rest: str, reach: Reach) -> None:
        name, rest, _ = first_token(rest)
        raw = written_value(rest, self._comment)
        _, after, quoted = first_token(rest)
        certain = reach is Reach.SURELY
        self.needs.note(raw, file.where)
        self._macros.set(name, raw, file.where, certain=certain, is_global=keyword == "setglobal", args=file.args)
        if keyword != "setglobal" and len(self._open) > 1:
            file.scoped.append(name)
        if raw:
            self.chain.set_uses.append(SetUse(file.path, file.line, name.lower(), raw, reach))
        if quoted and after.strip():  # after a quoted value the next command may follow, with or without its dollar
            self._directive(file, *split_directive(after), reach)

    def _gdxin(self, file: FileReading, rest: str, reach: Reach) -> None:
        raw = first_token(rest)[0]
        if raw:
            self.needs.note(raw, file.where)
            names = tuple(self._macros.expand(raw, file.args))
            self.chain.gdx_uses.append(GdxUse(file.path, file.line, raw, names, reach, at_run_time=False))

    def _jump(self, file: FileReading, keyword: str, rest: str, reach: Reach) -> None:
        """Skip lines after a jump; go back to a label once for each list of arguments (`$shift`)."""
        if keyword == "label":
            file.labels |= dict.fromkeys(rest.lower().split(), (file.at, len(file.blocks)))
            return
        after = Reach.NEVER if reach is Reach.SURELY else Reach.MAYBE
        if keyword != "goto":
            file.reach = min(file.reach, after)
            return
        label = first_token(rest)[0].lower()
        ahead = (split_directive(line.text) for line in file.lines[file.at + 1 :])
        if any(key == "label" and label in text.lower().split() for key, text in ahead):
            file.skip_to_label, file.skip_reach = label, after
        elif file.args and file.args not in file.looped and label in file.labels:
            file.looped.add(file.args)
            file.at, depth = file.labels[label]
            del file.blocks[depth:]

    def _forget(self, file: FileReading, keyword: str, rest: str, reach: Reach) -> None:
        """Commands that change variables in unsupported ways."""
        if keyword == "setargs" and file.args is not None:
            for name, value in zip(tokens(rest), file.args, strict=False):
                self._macros.set(name, value, file.where, certain=reach is Reach.SURELY)
        elif keyword == "shift" and file.args:
            file.args = file.args[1:]
        elif keyword in _UNREADABLE_SETTERS:
            self._macros.set(first_token(rest)[0], UNKNOWN, file.where, certain=False)
        elif keyword == "setnames":
            for name in tokens(rest)[1:]:
                self._macros.set(name, UNKNOWN, file.where, certain=False)
        elif keyword in ("drop", "dropglobal", "droplocal"):
            self._macros.drop(first_token(rest)[0], certain=reach is Reach.SURELY)
        else:
            self._change_signs(file, keyword, rest.split())

    def _change_signs(self, file: FileReading, keyword: str, signs: list[str]) -> None:
        if keyword in ("inlinecom", "oninline", "offinline"):
            self._has_blocks = keyword != "offinline"
            if len(signs) == 2:
                self._block = signs[0], signs[1]
        elif keyword == "eolcom" and signs:
            self._comment = signs[0]
        elif keyword == "dollar":
            self._finder.warn(f"{file.where} changes the dollar character: what follows there is not followed.")
