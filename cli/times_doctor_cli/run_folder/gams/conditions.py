"""Evaluates the conditions of `$if` and `$ifthen` as far as the text allows."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from times_doctor_cli.run_folder.gams.macros import UNKNOWN, Macros, first_token

_COMPARISON = re.compile(
    r"""\s*(?:"([^"]*)"|'([^']*)'|(\S*?))\s*==\s*(?:"([^"]*)"|'([^']*)'|([^\s$]*(?:\$[^\s$]+)*))\s*(.*)""", re.DOTALL
)
_NOT = re.compile(r"\s*not\b\s*", re.IGNORECASE)
_WITH_WORD = frozenset(
    {"declared", "defined", "errorlevel", "gamsversion", "setenv", "dexist", "readable", "uelexist", "putopen"}
    | {"settype", "partype", "vartype", "equtype", "modtype", "filtype", "functype", "acrtype", "macrotype"}
    | {"onembeddedcode", "setglobal", "setlocal", "set", "exist", "filetype", "solver"}
)
_ALONE = frozenset({"errorfree", "warnings", "decla_ok"})
_SETS = frozenset({"set", "setglobal", "setlocal"})


class Condition(msgspec.Struct, frozen=True):
    """A condition as read."""

    truth: bool | None
    """None: unknown from the text."""
    rest: str
    """What follows the condition on its line."""


def read_condition(
    keyword: str,
    text: str,
    macros: Macros,
    args: tuple[str, ...] | None,
    exists: Callable[[str], bool | None],
) -> Condition:
    """Read what follows `$if`, `$ifi`, `$ife`, `$ifthen`, ...

    Args:
        keyword: `if`, `ifi`, `ifthen`, `iftheni`, `elseif`, ...; an `e` variant holds a numeric expression.
        text: the rest of the line.
        macros: the variables known so far.
        args: arguments of the batinclude being read.
        exists: whether a file (as written) can be found now; None if unknown.
    """
    negated = bool(match := _NOT.match(text))
    body = text[match.end() :] if match else text
    if keyword.endswith("e") and keyword not in ("else",):
        return Condition(None, _command_part(body))
    word, rest, quoted = first_token(body)
    kind = word.lower()
    if not quoted and kind in _ALONE:
        # A model that is scanned does compile: its error branches are not taken.
        truth: bool | None = {"errorfree": True, "warnings": None}.get(kind)
        return Condition(_flip(truth, negated), rest.strip())
    if not quoted and kind == "dimension":
        return Condition(None, first_token(first_token(rest)[1])[1].strip())
    if not quoted and kind in _WITH_WORD and not rest.lstrip().startswith("=="):
        return _word_condition(kind, rest, macros, exists, negated=negated)
    compared = _COMPARISON.match(body)
    if not compared:
        return Condition(None, _command_part(body))
    left = next((group for group in compared.groups()[:3] if group is not None), "")
    right = next((group for group in compared.groups()[3:6] if group is not None), "")
    truth = _same(left, right, macros, args, ignore_case=keyword.endswith("i"))
    return Condition(_flip(truth, negated), compared[7])


def _word_condition(
    kind: str, rest: str, macros: Macros, exists: Callable[[str], bool | None], *, negated: bool
) -> Condition:
    word, rest, _ = first_token(rest)
    if kind == "exist":
        return Condition(_flip(exists(word), negated), rest.strip())
    truth = True if kind in _SETS and macros.certain(word) is not None else None
    return Condition(_flip(truth, negated), rest.strip())


def _same(left: str, right: str, macros: Macros, args: tuple[str, ...] | None, *, ignore_case: bool) -> bool | None:
    """Whether two texts are equal; None if their possible values differ in that, or a value is uncertain."""
    lefts, rights = macros.expand(left, args), macros.expand(right, args)
    if any(UNKNOWN in text for text in lefts + rights) or not _is_certain(left + right, macros):
        return None
    answers = {_plain(a, ignore_case) == _plain(b, ignore_case) for a in lefts for b in rights}
    return answers.pop() if len(answers) == 1 else None


def _is_certain(text: str, macros: Macros) -> bool:
    # A host's environment is another one.
    names = re.findall(r"%([A-Za-z_$][\w$~]*|sysenv\.\w+)%", text, re.IGNORECASE)
    return all(macros.certain(name) is not None for name in names)


def _plain(text: str, ignore_case: bool) -> str:
    text = text.strip().strip("'\"")
    return text.lower() if ignore_case else text


def _flip(truth: bool | None, negated: bool) -> bool | None:
    return None if truth is None else truth != negated


def _command_part(text: str) -> str:
    """The dollar command after an expression that is not evaluated here."""
    position = text.find("$")
    return text[position:] if position >= 0 else ""
