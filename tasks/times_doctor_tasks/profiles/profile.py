"""Profiles, and the classes of models that they are for."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ModelClass(StrEnum):
    """The kind of problem in a model file, which decides the options that a solver uses."""

    LP = "LP"
    """Linear, all columns continuous."""
    MIP = "MIP"
    """With integer or semi-continuous columns."""
    QP = "QP"
    """With squares or products of columns."""
    MIQP = "MIQP"
    """With both; HiGHS refuses it."""

    @classmethod
    def of(cls, *, integer: bool, quadratic: bool) -> ModelClass:
        """The class of a model that has integer columns, quadratic terms, or neither."""
        return (cls.MIQP if integer else cls.QP) if quadratic else (cls.MIP if integer else cls.LP)


#: HiGHS's profile for badly scaled models.
SCALED = "scaled"


class Profile(msgspec.Struct, frozen=True):
    """A named solver configuration."""

    name: str
    solver: str
    options: str
    """Text of the option file. A built-in one leaves the threads to `with_threads`."""
    engine: str = "gams"
    interior: bool = False
    """Ends without crossover: no vertex solution, other marginals."""
    does: str = ""
    """What it does, as a short text."""
    use_when: str = ""
    """When to use it."""
    sets: frozenset[str] = frozenset()
    """Sets that include this profile, such as `@hard`."""
    origin: str = "built in"
    """Where it comes from: "built in", or a path as the user knows it."""

    @property
    def key(self) -> str:
        """`<solver>:<name>`, for `--profiles` if a name alone is ambiguous."""
        return f"{self.solver}:{self.name}"
