"""The entry point: a local scan starts its broker and worker before any heavy import.

Their start (a third of a second of imports) then runs in parallel with ours and with reading the model.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from times_doctor_cli.terminal import json_answer
from times_doctor_tasks import __version__

TYPE_CHECKING = False  # importing `typing` would cost each start milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Columns of `help.txt`, which `make help-text` writes: Click's help is never wider.
HELP_WIDTH = 80
#: New objects between two garbage collections: more than the imports of any command create.
GC_OBJECTS = 200_000
#: As in `exit_codes`, which is heavy.
_USAGE, _INFRASTRUCTURE, _INTERRUPTED, _CLOSED_PIPE = 2, 5, 130, 141
#: Arguments with which no local worker is needed.
_WITHOUT_WORKER = frozenset({"--queue", "--help", "-h", "--detach", "--llm"})


def needs_local_stack(arguments: Sequence[str], platform: str) -> bool:
    """Whether a command line is a scan on this machine, or checks for one (`check`).

    >>> needs_local_stack(["scan", "demo", "--parallel"], "linux"), needs_local_stack(["scan", "--help"], "linux")
    (True, False)
    """
    is_one = arguments[:1] == ["check"] or (len(arguments) > 1 and arguments[0] == "scan")
    return is_one and platform != "win32" and not _WITHOUT_WORKER.intersection(arguments)


def main() -> None:
    """The console script."""
    # Imports make a hundred thousand objects and no garbage: collecting would take a tenth of the startup.
    gc.set_threshold(GC_OBJECTS)
    arguments = sys.argv[1:]
    try:
        code = 0 if _shown_at_once(arguments) else ending_of(arguments)
        if sys.stdout is not None:  # a service manager may give us no streams
            sys.stdout.flush()
    except KeyboardInterrupt:  # a second Ctrl-C: the guard ends a local broker and worker without us
        code = json_answer.end(arguments, "", _INTERRUPTED)
    except BrokenPipeError:
        code = _CLOSED_PIPE
    except OSError as error:
        code = _tell_of_disk(arguments, error)
    # Skips Python's teardown of 700 modules: our files are closed and flushed.
    os._exit(code)


def ending_of(arguments: Sequence[str]) -> int:
    """Runs a command line; returns its exit code."""
    stack = None
    try:
        os.getcwd()  # noqa: PTH109  # pathlib would be imported for this alone
    except FileNotFoundError:
        return _tell(arguments, "The folder you are in is gone. Go to one that exists, such as: cd ~", _USAGE)
    if words := _empty_one(arguments):
        return _tell(arguments, words, _USAGE)
    try:
        if needs_local_stack(arguments, sys.platform):
            from times_doctor_cli.local.stack import start_stack

            stack = start_stack()
        from times_doctor_cli.main import run  # after the fork

        return run(arguments, stack)
    except KeyboardInterrupt:  # during the imports
        if stack is not None:
            stack.end()
        return json_answer.end(arguments, "", _INTERRUPTED)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _tell_of_disk(arguments, error)
    except SystemExit as ending:  # no folder for the private stack
        return _tell(arguments, str(ending), _INFRASTRUCTURE)


def _shown_at_once(arguments: Sequence[str]) -> bool:
    """Prints what needs no imports: the version, and the help if the terminal is wide enough for it."""
    if sys.stdout is None:
        return False
    if arguments == ["--version"]:
        sys.stdout.write(f"times-doctor {__version__}\n")
        return True
    if arguments not in (["--help"], ["-h"]):
        return False
    try:
        width = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size().columns
    except (OSError, ValueError):
        width = HELP_WIDTH
    if width >= HELP_WIDTH:
        # Not with pathlib: its import takes time.
        path = os.path.join(os.path.dirname(__file__), "help.txt")  # noqa: PTH118, PTH120
        with open(path, encoding="utf-8") as text:  # noqa: PTH123
            sys.stdout.write(text.read())
    return width >= HELP_WIDTH


def _empty_one(arguments: Sequence[str]) -> str:
    """A sentence on the first argument or value that is empty; pathlib would take it for the current folder."""
    before = "times-doctor"
    for word in arguments:
        if not word or (word.startswith("--") and word.endswith("=")):
            what = f"The value of {word[:-1]}" if word else f"The argument after {before!r}"
            return f"{what} is empty. Expected a value; was it a variable of your shell that is not set?"
        before = word
    return ""


def _tell_of_disk(arguments: Sequence[str], error: OSError) -> int:
    if error.filename and error.errno not in (errno.ENOSPC, errno.EDQUOT):
        what = f"{str(error.filename)[:500]!r} cannot be read or written: {error.strerror}."
        return _tell(arguments, f"{what} Name another path, or make this one accessible.", _USAGE)
    what = repr(error.filename) if error.filename else "What was to be shown"
    try:
        sys.stdout.flush()
    except OSError:  # otherwise Python tries again at exit, and prints an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    words = f"{what} cannot be written: {error.strerror}. Free some space there, or write elsewhere."
    return _tell(arguments, words, _INFRASTRUCTURE)


def _tell(arguments: Sequence[str], words: str, code: int) -> int:
    import textwrap  # only on the way out

    width = HELP_WIDTH - 1 if sys.stderr.isatty() else len(words) + HELP_WIDTH
    sys.stderr.write(textwrap.fill(f"Error: {words}", width, break_long_words=False) + "\n")
    return json_answer.end(arguments, words, code)
