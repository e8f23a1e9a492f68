"""Whether a solution is as good as it was asked to be, and how good it is, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from times_doctor_tasks.analysis.comparison import INTERIOR
from times_doctor_tasks.contract.messages import RunResult

#: A solution that is off by more than so many times the tolerance it was asked for is worse than one that is not.
WORSE_FACTOR = 10.0
#: Each measure's name for people, and the tolerance that it is held against.
_MEASURES = {
    "primal_residual": ("primal residual", "primal_tolerance"),
    "dual_residual": ("dual residual", "dual_tolerance"),
    "complementarity": ("complementarity", ""),
    "gap": ("gap", "gap_tolerance"),
}


def is_within_tolerance(result: RunResult) -> bool:
    """Whether nothing is off by more than `WORSE_FACTOR` times what was asked for; what nobody measured is not.

    >>> from times_doctor_tasks.testing.documents import make_result
    >>> off = {"primal_residual": 1e-4, "primal_tolerance": 1e-6}
    >>> is_within_tolerance(make_result()), is_within_tolerance(make_result(quality=off))
    (True, False)
    """
    return not _excess(result.quality, interior=result.basis == INTERIOR)


def quality_sentence(quality: Mapping[str, float], *, interior: bool) -> str:
    """Residuals and gap, absolute and relative; empty where the solver did not say them."""
    parts = []
    for name, (words, _) in _MEASURES.items():
        absolute, relative = quality.get(name), quality.get(f"{name}_rel")
        if absolute is not None:
            also = f" (relative {relative:.1e})" if relative else ""
            parts.append(f"{words} {absolute:.1e}{also}" if absolute else f"{words} 0")
    if not parts:
        return ""
    excess = _excess(quality, interior=interior)
    asked = [value for name, value in quality.items() if name.endswith("_tolerance")]
    if excess:
        worst = max(excess, key=lambda name: excess[name])
        end = f": the {_MEASURES[worst][0]} is {excess[worst]:,.0f} times what was asked for"
    else:
        end = f", as asked for (tolerances from {min(asked):.0e})" if asked else ""
    return f"Its solution is off by: {', '.join(parts)}{end}."


def _excess(quality: Mapping[str, float], *, interior: bool) -> dict[str, float]:
    """By how many times each measure exceeds its tolerance, where that is more than `WORSE_FACTOR`.

    Simplex methods are asked for absolute residuals, those without a basis for relative ones; a gap is relative.
    """
    found = {}
    for name, (_, tolerance) in _MEASURES.items():
        names = [name, f"{name}_rel"] if not interior and name != "gap" else [f"{name}_rel", name]
        value = next((quality[each] for each in names if each in quality), None)
        asked = quality.get(tolerance)
        if value is not None and asked and value > WORSE_FACTOR * asked:
            found[name] = value / asked
    return found
