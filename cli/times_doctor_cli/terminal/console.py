"""The terminal: the only place that writes to it, knows what it can show, and reads its keyboard."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, Protocol, TextIO

import msgspec
from rich.console import Console, Group, RenderableType
from rich.text import Text

from times_doctor_cli.terminal.json_answer import GIVEN
from times_doctor_cli.terminal.lines import Paragraph
from times_doctor_cli.terminal.signs import printable


class Keyboard(Protocol):
    """Keys typed while a table is shown."""

    def read(self) -> str:
        """Keys typed since the last call; may be empty."""

    def discard(self) -> None:
        """Discards the keys typed so far."""


def stdout_console() -> Console:
    """The console for the command's result: tables, reports."""
    return _console(sys.stdout)


def stderr_console() -> Console:
    """The console for everything else: errors, hints, the live table with `--json`."""
    return _console(sys.stderr)


def words_console(*, as_json: bool) -> Console:
    """The console for text around the result: with `--json`, stdout is one document."""
    return stderr_console() if as_json else stdout_console()


def shows_unicode(console: Console) -> bool:
    """Whether it can show more than ASCII."""
    if os.environ.get("LC_ALL") in ("C", "POSIX") or console.legacy_windows:
        return False
    return console.encoding.lower().replace("_", "-").startswith("utf")


def shows_frames(console: Console) -> bool:
    """Whether a table can be redrawn in place on it."""
    return console.is_terminal and not console.is_dumb_terminal


def fail(error: Exception, console: Console | None = None) -> None:
    """Print an error and what to do, on stderr or `console`."""
    console = console or stderr_console()
    text = Text("Error: ", "bold red")
    text.append(_lines(str(error) or type(error).__name__), "not bold default")
    hint = getattr(error, "hint", "")
    if hint:
        text.append(f"\n{_lines(hint)}", "not bold default")
    _print_lines(text, console)


def say(words: str, console: Console | None = None) -> None:
    """Print plain text, one or more lines, on stdout or `console`."""
    _print_lines(Text(_lines(words)), console or stdout_console())


def show(view: RenderableType, console: Console) -> None:
    """Print a view. Lines wider than the terminal are paths to copy and are not cut off."""
    console.print(view, crop=False)


def emit_json(document: object) -> None:
    """Print one JSON document on stdout: ASCII only, because a redirected Windows console is not UTF-8."""
    plain = msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2).decode()
    ascii_only = re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], plain)
    GIVEN.append(document)
    print(ascii_only, flush=True)


@contextlib.contextmanager
def keyboard() -> Iterator[Keyboard | None]:
    """The keyboard of this terminal, without echo while it is held; None if no user can type.

    Held from the first frame on, not only while a menu is open: typed keys would appear inside the table.
    """
    if not _can_read_keys():
        yield None
    elif sys.platform == "win32":
        yield _WindowsKeyboard()
    else:
        with _PosixKeyboard(sys.stdin.fileno()) as posix:
            yield posix


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raises it again for our own handler: Rich would end the program with code 1."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def _console(file: TextIO) -> Console:
    if isinstance(file, io.TextIOWrapper):
        # A cp1252 console must show `?` for a name it has no letter for, not end the scan.
        file.reconfigure(errors="replace")
    return _Console(file=file, markup=False, highlight=False, emoji=False)


def _print_lines(text: Text, console: Console) -> None:
    """Wrapped between words on a terminal; elsewhere lines stay whole."""
    if console.is_terminal:
        show(Group(*(Paragraph(line) for line in text.split("\n", allow_blank=True))), console)
    else:
        console.print(text, soft_wrap=True)


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _can_read_keys() -> bool:
    try:
        if not sys.stdin.isatty():
            return False
        if sys.platform == "win32":
            return True
        # In the background (`scan ... &`) changing the terminal's mode would stop us.
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


if sys.platform == "win32":
    import msvcrt

    class _WindowsKeyboard:
        def read(self) -> str:
            keys = ""
            while msvcrt.kbhit():
                key = msvcrt.getwch()
                if key in "\x00\xe0":
                    msvcrt.getwch()  # the second half of an arrow or function key
                else:
                    keys += key
            return keys

        def discard(self) -> None:
            self.read()

else:
    import codecs
    import select
    import signal
    import termios
    import threading

    _SHOW_CURSOR, _HIDE_CURSOR = b"\x1b[?25h", b"\x1b[?25l"

    class _PosixKeyboard:
        def __init__(self, fd: int) -> None:
            self._fd = fd
            self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
            self._before: list[Any] = []
            self._on_stop: Any = None

        def __enter__(self) -> _PosixKeyboard:
            self._before = termios.tcgetattr(self._fd)
            self._hold()
            if threading.current_thread() is threading.main_thread():
                self._on_stop = signal.signal(signal.SIGTSTP, self._suspend)
            return self

        def __exit__(self, *_: object) -> None:
            # Not TCSAFLUSH: what was typed ahead belongs to the shell.
            with contextlib.suppress(termios.error):  # the terminal may be gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
            if self._on_stop is not None:
                signal.signal(signal.SIGTSTP, self._on_stop)

        def _suspend(self, *_: object) -> None:
            """Ctrl-Z: the shell gets its terminal, with a cursor; after `fg` it is ours again."""
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
                os.write(self._fd, _SHOW_CURSOR)
            os.kill(os.getpid(), signal.SIGSTOP)
            if _can_read_keys():  # else `bg`: a table in the background
                self._hold()
                with contextlib.suppress(OSError):
                    os.write(self._fd, _HIDE_CURSOR)

        def _hold(self) -> None:
            mode = termios.tcgetattr(self._fd)
            mode[3] &= ~(termios.ECHO | termios.ICANON)  # ISIG stays: Ctrl-C is a signal
            termios.tcsetattr(self._fd, termios.TCSADRAIN, mode)

        def read(self) -> str:
            keys = b""
            while select.select([self._fd], [], [], 0)[0]:
                try:
                    piece = os.read(self._fd, 1024)
                except OSError:
                    piece = b""
                if not piece:
                    break  # the terminal is gone; SIGHUP says so
                keys += piece
            return self._decoder.decode(keys)

        def discard(self) -> None:
            termios.tcflush(self._fd, termios.TCIFLUSH)
