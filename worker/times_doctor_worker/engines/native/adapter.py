"""What the solve program knows of a solver, and what its adapters share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

TYPE_CHECKING = False  # importing `typing` and `dataclasses` takes longer than a small solve
if TYPE_CHECKING:
    from typing import Any, TypeVar

    _T = TypeVar("_T")


class Refused(Exception):
    """The solver refuses to go on; the message says why, `code` is the program's return code."""

    code = 1


class Unreadable(Refused):
    """It cannot read the model file."""

    code = 2


class BadOption(Refused):
    """It does not take an option, or its value."""

    code = 3


class NoLicence(Refused):
    """Its licence does not allow this."""

    code = 4


class Missing(Refused):
    """It is not installed, or its library does not load."""

    code = 5


class Order:
    """The order that the program gets."""

    def __init__(
        self, solver: str, model: str, log: str, result: str, options: Sequence[tuple[int, str, str | None, str]] = ()
    ) -> None:
        """Args:
        model: Path of an MPS or LP file.
        options: (line, name as written, native name, value); without a native name only GAMS knows it.
        """
        self.solver, self.model, self.log, self.result, self.options = solver, model, log, result, options


class Adapter:
    """One solver with one model. Made with the order; every method may raise `Refused`."""

    FREE = ""
    """What its free licence takes."""
    BEYOND = 0
    """A number of columns beyond its free licence; 0: it has no limit."""
    LICENCE = ""
    """Where it looks for a licence of the user's own, and what to do about it."""
    version = ""
    """Of the solver's library."""
    errors: type[Exception] | tuple[type[Exception], ...] = Exception
    """Its exceptions."""

    def __init__(self, order: Order) -> None:
        raise NotImplementedError

    def set(self, name: str, value: str) -> None:
        """Sets an option by its native name."""
        raise NotImplementedError

    def read(self) -> None:
        """Reads the model file."""
        raise NotImplementedError

    def size(self) -> tuple[int, int, int]:
        """Rows, columns, entries."""
        raise NotImplementedError

    def solve(self) -> None:
        """Solves; returns early after `stop`."""
        raise NotImplementedError

    def stop(self) -> None:
        """Makes `solve` return soon. Any thread may call it, at any time and repeatedly."""
        raise NotImplementedError

    def answer(self) -> dict[str, Any]:
        """The solve for the result file: `model_status` in HiGHS's words, and figures; None if there is none."""
        raise NotImplementedError

    def until(self) -> str:
        """The last day of its licence, as ISO date; empty if unknown."""
        return ""

    def is_licence(self, error: Any) -> bool:  # noqa: ARG002  # HiGHS needs none
        """Whether an exception means that the licence does not allow it, by its code and not by its text."""
        return False

    def ask(self, call: Callable[[], _T], otherwise: type[Refused] = Refused) -> _T:
        """What `call` returns; the solver's exceptions become `NoLicence`, or `otherwise`."""
        try:
            return call()
        except Refused:
            raise
        except self.errors as error:
            raise (NoLicence if self.is_licence(error) else otherwise)(words_of(error)) from error


def converted(now: object, value: str) -> int | float:
    """An option's value, converted to the type of the present one: yes, on and true mean 1.

    Raises:
        BadOption: it is not such a number.

    >>> converted(0, "yes"), converted(0.1, "1e-6")
    (1, 1e-06)
    """
    text = {"yes": "1", "on": "1", "true": "1", "no": "0", "off": "0", "false": "0"}.get(value.lower(), value)
    if not isinstance(now, int | float):
        raise BadOption("it takes a text, which could name a file: leave it out")
    whole = isinstance(now, int)
    try:
        number = float(text)
        if number.is_integer() or not whole:
            return int(number) if whole else number
    except ValueError:
        pass
    raise BadOption(f"expected a {'whole ' if whole else ''}number")


def words_of(error: BaseException) -> str:
    """The message of a solver's exception, in one line."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def figure(ask: Callable[[], Any]) -> Any:
    """A figure, or None if the solver has none: most solvers raise then."""
    try:
        return ask()
    except Exception:  # noqa: BLE001  # each solver has exceptions of its own
        return None


def finite(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figure, or None for infinity: JSON has none, and solvers write 1e20."""
    return {
        name: value
        for name, value in figures.items()
        if value is not None and not (isinstance(value, float) and not (math.isfinite(value) and abs(value) < 1e20))
    }
