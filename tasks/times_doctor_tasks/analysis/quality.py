"""Whether a solution meets its tolerances, and its quality as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from times_doctor_tasks.analysis.advice import listed
from times_doctor_tasks.analysis.comparison import INTERIOR
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.profiles.profile import SCALED

#: A solution that misses its tolerance by more than this factor is worse than one that does not.
WORSE_FACTOR = 10.0
#: Profiles equal to `SCALED` but for its scaling.
_UNSCALED = ("dual", "default")
#: Each measure's name for users, and its tolerance.
_MEASURES = {
    "primal_residual": ("primal residual", "primal_tolerance"),
    "dual_residual": ("dual residual", "dual_tolerance"),
    "complementarity": ("complementarity", ""),
    "gap": ("gap", "gap_tolerance"),
}


def is_within_tolerance(result: RunResult) -> bool:
    """Whether no measure exceeds `WORSE_FACTOR` times its tolerance; unmeasured ones pass.

    >>> from times_doctor_tasks.testing.documents import make_result
    >>> off = {"primal_residual": 1e-4, "primal_tolerance": 1e-6}
    >>> is_within_tolerance(make_result()), is_within_tolerance(make_result(quality=off))
    (True, False)
    """
    return not _excess(result.quality, interior=result.basis == INTERIOR)


def quality_sentence(quality: Mapping[str, float], *, interior: bool, of: str = "") -> str:
    """Residuals and gap, absolute and relative; empty if the solver did not print them."""
    parts, judged = [], []
    for name, (words, tolerance) in _MEASURES.items():
        absolute, relative = quality.get(name), quality.get(f"{name}_rel")
        if absolute is not None:
            also = f" (relative {relative:.1e})" if relative else ""
            parts.append(f"{words} {absolute:.1e}{also}" if absolute else f"{words} 0")
            judged += [words] if quality.get(tolerance) or not absolute else []
    if not parts:
        return ""
    excess = _excess(quality, interior=interior)
    asked = [value for name, value in quality.items() if name.endswith("_tolerance") and value]
    if excess:
        worst = max(excess, key=lambda name: excess[name])
        end = f": the {_MEASURES[worst][0]} is {excess[worst]:,.0f} times what was asked for"
    else:
        which = f"the {listed(judged)} " if 0 < len(judged) < len(parts) else ""
        end = f", {which}within its tolerances (from {min(asked):.0e})" if judged and asked else ""
    return f"The solution{of} is off by: {', '.join(parts)}{end}."


def scaling_effect(results: Sequence[RunResult]) -> list[str]:
    """The effect of the scaled profile compared with the same one without scaling; empty if not both ran.

    Returns:
        At most one sentence.
    """
    scaled = next((run for run in results if run.profile == SCALED and run.verdict), None)
    plain = next((run for run in results if run.profile in _UNSCALED and run.verdict), None)
    if scaled is None or plain is None or scaled.engine != plain.engine:
        return []
    changes = [
        f"{words} {scaled.quality[name]:.1e} instead of {plain.quality[name]:.1e}"
        for name, (words, _) in _MEASURES.items()
        if name in scaled.quality and name in plain.quality and scaled.quality[name] != plain.quality[name]
    ]
    if scaled.verdict is not plain.verdict:
        changes.append(f"{_ending(scaled)} instead of {_ending(plain)}")
    if scaled.runtime_s is not None and plain.runtime_s is not None:
        changes.append(f"{scaled.runtime_s:.2f} s instead of {plain.runtime_s:.2f} s")
    return [f"What scaling changed, {scaled.run} beside {plain.run}: {', '.join(changes)}."] if changes else []


def _ending(run: RunResult) -> str:
    return str(run.verdict).replace("_", " ")


def _excess(quality: Mapping[str, float], *, interior: bool) -> dict[str, float]:
    """The factor by which each measure exceeds its tolerance, if more than `WORSE_FACTOR`.

    Simplex methods have tolerances for absolute residuals, those without a basis for relative ones; a gap is relative.
    """
    found = {}
    for name, (_, tolerance) in _MEASURES.items():
        names = [name, f"{name}_rel"] if not interior and name != "gap" else [f"{name}_rel", name]
        value = next((quality[each] for each in names if each in quality), None)
        asked = quality.get(tolerance)
        if value is not None and asked and value > WORSE_FACTOR * asked:
            found[name] = value / asked
    return found
