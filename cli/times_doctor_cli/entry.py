"""The program's first steps: a local scan starts its broker and worker before anything heavy is imported.

Their start-up (a third of a second of imports) then runs beside our own and beside reading the model.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False  # `typing` costs milliseconds that every start would wait for
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Words of a command line that need no local worker.
_WITHOUT_WORKER = frozenset({"--queue", "--help", "-h", "--detach", "--llm"})


def needs_local_stack(arguments: Sequence[str], platform: str) -> bool:
    """Whether a command line is a scan on this machine, or asks whether one could be (`check`).

    >>> needs_local_stack(["scan", "demo", "--parallel"], "linux"), needs_local_stack(["scan", "--help"], "linux")
    (True, False)
    """
    is_one = arguments[:1] == ["check"] or (len(arguments) > 1 and arguments[0] == "scan")
    return is_one and platform != "win32" and not _WITHOUT_WORKER.intersection(arguments)


def main() -> None:
    """The console script."""
    arguments = sys.argv[1:]
    stack = None
    try:
        os.getcwd()  # noqa: PTH109  # pathlib would be imported for this alone
    except FileNotFoundError:
        from times_doctor_tasks.contract.exit_codes import USAGE  # as below: heavy, so only on the way out

        sys.exit(_tell("The folder you are in is gone. Go to one that exists, such as: cd ~", USAGE))
    try:
        if needs_local_stack(arguments, sys.platform):
            from times_doctor_cli.local.stack import start_stack

            stack = start_stack()
        from times_doctor_cli.main import run  # after the fork

        code = run(arguments, stack)
    except KeyboardInterrupt:  # while all this was loaded
        if stack is not None:
            stack.end()
        from times_doctor_tasks.contract.exit_codes import INTERRUPTED

        code = INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        code = _tell_of_full_disk(error)
    sys.exit(code)


def _tell_of_full_disk(error: OSError) -> int:
    from times_doctor_tasks.contract.exit_codes import INFRASTRUCTURE

    what = repr(error.filename) if error.filename else "What was to be shown"
    try:
        sys.stdout.flush()
    except OSError:  # else Python tries once more at exit, and says so
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    words = f"{what} cannot be written: {error.strerror}. Free some space there, or write elsewhere."
    return _tell(words, INFRASTRUCTURE)


def _tell(words: str, code: int) -> int:
    sys.stderr.write(f"Error: {words}\n")
    return code
