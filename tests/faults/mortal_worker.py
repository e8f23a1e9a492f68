"""A team's worker that kills itself by SIGKILL at an exact point, as often as a file says.

TD_TEST_DEATH names the point: `<module>:<Class>.<method>:before` or `:after`. TD_TEST_DEATHS is a file with the number
of remaining deaths; the arguments are those of a worker.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEATHS = Path(os.environ["TD_TEST_DEATHS"])


def die() -> None:
    """Dies, unless no death remains."""
    left = int(DEATHS.read_text() or "0")
    if left > 0:
        part = DEATHS.with_suffix(".part")
        part.write_text(str(left - 1))
        part.replace(DEATHS)  # whole: the test reads it all the time
        os.kill(os.getpid(), signal.SIGKILL)


def make_mortal(point: str) -> None:
    """Wraps the method that `point` names."""
    module, name, moment = point.split(":")
    class_name, method_name = name.split(".")
    owner = getattr(importlib.import_module(module), class_name)
    method: Callable[..., Any] = getattr(owner, method_name)

    @functools.wraps(method)
    def mortal(*args: Any, **kwargs: Any) -> Any:
        if moment == "before":
            die()
        answer = method(*args, **kwargs)
        if moment == "after" and answer is not False:
            die()
        return answer

    setattr(owner, method_name, mortal)


if __name__ == "__main__":
    from times_doctor_worker.__main__ import main

    make_mortal(os.environ["TD_TEST_DEATH"])
    sys.exit(main())
