"""The program's first steps: a local scan starts its broker and worker before anything heavy is imported.

Their start-up (a third of a second of imports) then runs beside our own and beside reading the model.
"""

from __future__ import annotations

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
    if needs_local_stack(arguments, sys.platform):
        from times_doctor_cli.local.stack import start_stack

        stack = start_stack()
    from times_doctor_cli.main import run  # after the fork

    sys.exit(run(arguments, stack))
