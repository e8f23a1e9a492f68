"""What a profile is, and the kinds of profile that most solvers have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from times_doctor_tasks.profiles.option_file import is_interior


class ModelClass(StrEnum):
    """What kind of problem a model file holds: it decides which options a solver heeds."""

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


@dataclass(frozen=True, slots=True)
class Profile:
    """A named solver configuration."""

    name: str
    solver: str
    options: str
    """Text of the option file. A built-in one leaves the threads to `with_threads`."""
    engine: str = "gams"
    interior: bool = False
    """Ends without crossover: no vertex solution, other marginals."""
    does: str = ""
    """What it does, in a few words."""
    use_when: str = ""
    """When to use it."""
    sets: frozenset[str] = frozenset()
    """Names that stand for several profiles: `@hard`."""
    origin: str = "built in"
    """Where it comes from: "built in", or a path as the user knows it."""

    @property
    def key(self) -> str:
        """`<solver>:<name>`, as `--profiles` takes it where a name alone would mean two."""
        return f"{self.solver}:{self.name}"


#: Profiles of a scan that names none.
DEFAULT = frozenset({"default"})
#: `@hard`: for models on which the others fail.
HARD = frozenset({"hard"})

VERTEX_DUALS = "Needs no crossover to give vertex duals."


def option_text(*lines: str) -> str:
    """An option file of these lines."""
    return "".join(f"{line}\n" for line in lines)


#: Name, what it does, when to use it: the same for every solver that has it.
DUAL = ("dual", "dual simplex", f"Small and medium models, and whenever marginals matter. {VERTEX_DUALS}")
PRIMAL = ("primal", "primal simplex", "When the dual simplex stalls.")
BAR = ("bar", "barrier with crossover", "Large models whose marginals matter.")
BAR_NOX = (
    "bar_nox",
    "barrier without crossover",
    "Large models, where quantities and the objective matter and marginals do not.",
)
_IN_DEFAULT = {"dual", "bar", "bar_nox"}


def standard(solver: str, kind: tuple[str, str, str], *lines: str) -> Profile:
    """A profile that most solvers have, under GAMS."""
    name, does, use_when = kind
    options = option_text(*lines)
    sets = DEFAULT if name in _IN_DEFAULT else frozenset()
    return Profile(name, solver, options, "gams", is_interior(options, solver), does, use_when, sets)


def hard(solver: str, name: str, does: str, use_when: str, *lines: str) -> Profile:
    """A profile of `@hard`, under GAMS."""
    return Profile(name, solver, option_text(*lines), "gams", False, does, use_when, HARD)
