"""What `--json` promises to scripts: one document alone on stdout, however a command ends."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # `typing` costs milliseconds that every start would wait for
if TYPE_CHECKING:
    from collections.abc import Sequence

#: One entry for each document that this command has printed.
GIVEN: list[object] = []


def end(arguments: Sequence[str], words: str, code: int) -> int:
    """Prints the document of a command line that has failed before its own document; returns `code`."""
    if code and "--json" in arguments and not GIVEN and sys.stdout is not None:
        import json  # only on the way out

        GIVEN.append(code)
        json.dump({"exit_code": code, "error": words or "Ended on request."}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        sys.stdout.flush()
    return code
