"""Compile-time variables (`$set`, `--NAME=value`, `%name%`), evaluated as far as the text allows.

A variable holds the set of values it may have: a `$set` under an undecided condition adds to it. A name is exact if one
value is left, tried with each of several values, and a pattern if one is unknown.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

#: Represents an unknown part of a text.
UNKNOWN = "\x00"
#: Represents the folder of the file being read (`%system.fp%`).
HERE = "\x01"
#: The default beginning of a comment at the end of a line.
COMMENT = "!!"
#: A name with more possible values than this is treated as unknown.
MAX_VALUES = 64

_MACRO = re.compile(r"%([A-Za-z_$][A-Za-z0-9_$.~]*)%|%(\d+)|%(\*)")
_TOKEN = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(\S+))""")
_WORKING_FOLDER = frozenset({"gams.curdir", "gams.workdir", "gams.wdir", "system.workdir"})


class Value(msgspec.Struct, frozen=True):
    """Where a variable got one of its possible values."""

    text: str
    where: str
    certain: bool
    """It is the only possible value."""
    meant: bool
    """The user's files surely set it, even if the TIMES source changes it later."""


class Macros:
    """The compile-time variables of a run; names in any case."""

    def __init__(self, fixed: dict[str, str] | None = None, environ: Mapping[str, str] | None = None) -> None:
        """`fixed`: `--NAME=value` of the command line; they beat `$setglobal`, not `$set` (measured)."""
        self._environ = environ or {}
        self._of_environment: set[str] = set()
        self.mentioned: set[str] = set()
        """Variables that some text named, in lower case."""
        self._fixed = {name.lower() for name in fixed or {}}
        self._values: dict[str, list[Value]] = {
            name.lower(): [Value(value, "command line", certain=True, meant=True)]
            for name, value in (fixed or {}).items()
        }

    def set(
        self,
        name: str,
        text: str,
        where: str,
        *,
        certain: bool,
        is_global: bool = False,
        args: tuple[str, ...] | None = None,
    ) -> None:
        """Give a variable a value; `text` may hold macros itself."""
        key = name.lower()
        if is_global and key in self._fixed:
            return
        if self.of_environment(text):
            self._of_environment.add(key)
        results = self.expand(text, args)
        sure = certain and len(results) == 1
        new = [Value(result, where, certain=sure, meant=sure) for result in results]
        old = [] if certain else [replace(v, certain=False, meant=False) for v in self._values.get(key, [])]
        self._values[key] = (old + new)[:MAX_VALUES]

    def drop(self, name: str, *, certain: bool) -> None:
        """Forget a variable, or make its value uncertain."""
        if certain:
            self._values.pop(name.lower(), None)
        else:
            self.doubt(name)

    def doubt(self, name: str) -> None:
        """The variable may be unset now."""
        known = self._values.get(name.lower())
        if known:
            self._values[name.lower()] = [replace(value, certain=False, meant=False) for value in known]

    def doubt_all(self) -> None:
        """Text that is not read here may have changed any variable."""
        for name, known in self._values.items():
            if name not in self._fixed:
                self._values[name] = [replace(value, certain=False) for value in known]

    def values(self, name: str) -> list[Value]:
        """All values that a variable may have; empty if nothing sets it."""
        return list(self._values.get(name.lower(), []))

    def certain(self, name: str) -> str | None:
        """The value, if exactly one is possible and known."""
        self.mentioned.add(name.lower())
        values = self._values.get(name.lower(), [])
        known = len(values) == 1 and values[0].certain and UNKNOWN not in values[0].text
        return values[0].text if known else None

    def names(self) -> list[str]:
        """Every variable with a value, in the order they were first set."""
        return list(self._values)

    def unset(self, text: str) -> list[str]:
        """Variables in a text, as written there, that never had a value."""
        names = [match[1] for match in _MACRO.finditer(text) if match[1] and "." not in match[1]]
        self.mentioned.update(name.lower() for name in names)
        return [name for name in dict.fromkeys(names) if name.lower() not in self._values]

    def of_environment(self, text: str) -> bool:
        """Whether a variable of this machine's environment is in a text."""
        names = [(match[1] or "").lower() for match in _MACRO.finditer(text)]
        return any(name.startswith("sysenv.") or name in self._of_environment for name in names)

    def state(self) -> int:
        """A number that differs if a variable has another value."""
        return hash(tuple((name, *((v.text, v.certain) for v in known)) for name, known in self._values.items()))

    def expand(self, text: str, args: tuple[str, ...] | None = None) -> list[str]:
        """Every text this may become; unknown parts are `UNKNOWN`, the current file's folder is `HERE`."""
        pieces: list[list[str]] = []
        position = 0
        for match in _MACRO.finditer(text):
            pieces.append([text[position : match.start()]])
            pieces.append(self._options(match, args))
            position = match.end()
        pieces.append([text[position:]])
        total = 1
        for options in pieces:
            total *= len(options)
        if total > MAX_VALUES:
            pieces = [options if len(options) == 1 else [UNKNOWN] for options in pieces]
        return list(dict.fromkeys("".join(choice) for choice in itertools.product(*pieces)))

    def _options(self, match: re.Match[str], args: tuple[str, ...] | None) -> list[str]:
        if match[2] or match[3]:
            if args is None:
                return [UNKNOWN]
            if match[3]:
                return [" ".join(args)]
            index = int(match[2]) - 1
            return [args[index] if 0 <= index < len(args) else ""]
        name = match[1].lower()
        self.mentioned.add(name)
        if name == "system.fp":
            return [HERE]
        if name.startswith("sysenv.") and match[1][7:] in self._environ:
            return [self._environ[match[1][7:]]]
        if name in _WORKING_FOLDER:
            return [""]
        return [value.text for value in self._values.get(name, [])] or [UNKNOWN]


def first_token(text: str) -> tuple[str, str, bool]:
    """The first word, what follows it, and whether the word was quoted.

    >>> first_token("'my file.dd' arg"), first_token("base.dd  x"), first_token("  ")
    (('my file.dd', ' arg', True), ('base.dd', '  x', False), ('', '', False))
    """
    match = _TOKEN.match(text)
    if not match:
        return "", "", False
    word = next(group for group in match.groups() if group is not None)
    return word, text[match.end() :], match[3] is None


def written_value(text: str, comment: str = COMMENT) -> str:
    """The file of an `$include`, or the value of a `$set`: the quoted text, else all up to a comment.

    >>> written_value("'my file.inc'; !! 'x'"), written_value("low  !! or high"), written_value("x.inc # y", "#")
    ('my file.inc', 'low', 'x.inc')
    """
    word, _, quoted = first_token(text)
    return word if quoted else text.partition(comment)[0].strip()


def tokens(text: str) -> tuple[str, ...]:
    """All words of a text, quotes taken off."""
    words: list[str] = []
    while True:
        word, text, quoted = first_token(text)
        if not word and not quoted:
            return tuple(words)
        words.append(word)
