"""Turns names from other machines into safe file names on any system."""

from __future__ import annotations

import re

#: Names that Windows reserves for devices, with any extension.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
#: Separators, drives, streams, wildcards, and invisible characters.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
#: Bytes of UTF-8; file systems allow 255, and a writer adds a suffix while it writes.
_LONGEST_BYTES = 200


def safe_name(name: str) -> str:
    """`name` as a file name that is the same under Linux, macOS and Windows and never leads out of its folder.

    Two names that differ only in what is replaced become one.

    >>> safe_name("cplex.bar_nox"), safe_name("../../etc/passwd"), safe_name("c:aux. ")
    ('cplex.bar_nox', '.._.._etc_passwd', 'c_aux')
    >>> safe_name(".."), safe_name("NUL.txt"), safe_name("")
    ('_', '_NUL.txt', '_')
    """
    short = name.encode("utf-8", "replace")[:_LONGEST_BYTES].decode("utf-8", "ignore")
    plain = _FORBIDDEN.sub("_", short).strip(" ").rstrip(". ")
    return f"_{plain}" if not plain or _DEVICES.fullmatch(plain) else plain
