"""Landlock: limits a process and its children to some folders of the machine, for good.

It needs no root rights and takes a few milliseconds. It uses only the standard library: the supervisor calls it between
the fork and the engine's program. System calls, rights and sizes as in Linux's `uapi/linux/landlock.h` and
`Documentation/userspace-api/landlock.rst`.
"""

from __future__ import annotations

import errno
import functools
import os
import struct
import sys

TYPE_CHECKING = False  # `typing` is an import that the fork would wait for; type checkers know this name
if TYPE_CHECKING:
    import ctypes

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
#: Rights on files and folders by the version of the interface that brought them.
_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: _TRUNCATE, 5: _IOCTL_DEV}
#: Rights that a rule for a file may name.
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
#: Versions since which TCP can be denied, and signals and abstract sockets to processes outside.
_NETWORK, _SCOPES = 4, 6
_BOTH = 3


@functools.cache
def version() -> int:
    """The version of the kernel's interface; 0 if there is none or it is switched off."""
    if sys.platform != "linux":
        return 0
    try:
        return _call(_CREATE_RULESET, None, 0, _VERSION)
    except (ImportError, OSError, AttributeError):
        return 0


def confine(reads: list[bytes], writes: list[bytes]) -> None:
    """Limits this process to `reads` (read and run) and `writes` (everything) and what is below them; no TCP.

    Does nothing if the kernel has no Landlock. Skips missing paths.

    Raises:
        OSError: it could not be done; the process is as before.
    """
    known = version()
    if not known:
        return
    handled = sum(rights for since, rights in _RIGHTS.items() if since <= known)
    attributes = struct.pack("QQQ", handled, _BOTH if known >= _NETWORK else 0, _BOTH if known >= _SCOPES else 0)
    attributes = attributes[: 24 if known >= _SCOPES else 16 if known >= _NETWORK else 8]
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in reads:
            _allow(ruleset, path, _EXECUTE | _READ_FILE | _READ_DIR)
        for path in writes:
            _allow(ruleset, path, handled)
        if libc().prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(errno.EPERM, "no_new_privs")
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: bytes, rights: int) -> None:
    try:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        allowed = rights if os.path.isdir(path) else rights & _OF_FILES  # noqa: PTH112  pathlib is too heavy here
        rule = struct.pack("<Qi", allowed, file)
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(file)


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library, for calls that Python does not offer."""
    import ctypes  # imported here: a warden forks before any heavy import

    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: int | bytes | None) -> int:
    import ctypes

    # Each as wide as a register, as the kernel expects.
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    answer = int(libc().syscall(ctypes.c_long(number), *words))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
