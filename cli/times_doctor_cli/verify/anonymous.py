"""Text without the names of a user's model, paths and machine.

A word of the model's files is removed, unless GAMS or a solver also printed it for our models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_WORD = re.compile(r"[^\W\d]\w*")
_PATH = re.compile(r"(?:[A-Za-z]:)?[\\/][^\s\"'()]*|[\w.~-]+[\\/][^\s\"'()]*")
#: The placeholders for words and paths.
NAME, PATH = "@", "@path"


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """The words of texts, in lower case.

    >>> sorted(words_of(["LP status (1): Optimal", "x1 = 2"]))
    ['lp', 'optimal', 'status', 'x1']
    """
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))


def words_of_files(paths: Iterable[Path]) -> frozenset[str]:
    """The words of a model's files, and of their names. Files that are not text are read as Latin-1."""
    found: set[str] = set()
    for path in paths:
        found |= words_of([path.name])
        with path.open(encoding="latin-1") as lines:
            found |= words_of(lines)
    return frozenset(found)


def anonymous(text: str, *, secret: frozenset[str], known: frozenset[str]) -> str:
    """`text` without paths, and without the words of `secret` that are not in `known`.

    >>> anonymous("row 'NEED(north)' in /home/li/m.run", secret=frozenset({"need", "north"}), known=frozenset({"row"}))
    "row '@(@)' in @path"
    """

    def shown(word: re.Match[str]) -> str:
        plain = word[0].lower()
        return NAME if plain in secret and plain not in known else word[0]

    return _WORD.sub(shown, _PATH.sub(PATH, text)).replace(f"@{PATH}", PATH)
