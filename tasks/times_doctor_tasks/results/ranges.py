"""How a model is scaled: a check of its ranges, and the options of HiGHS that improve it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

#: From this ratio of largest to smallest magnitude in a part on, a model counts as badly scaled.
BAD_RATIO = 1e9
#: Costs and bounds that HiGHS calls excessively large; it advises to scale the largest one down to this.
LARGE = 1e6
#: Most binary places by which HiGHS's options scale here.
_MOST_PLACES = 20


def ratios(found: Mapping[str, Any]) -> dict[str, float]:
    """Largest over smallest magnitude of each part of the model that has any.

    >>> ratios({"parts": {"costs": {"min": 0.5, "max": 2.0}, "bounds": {"count": 0}}})
    {'costs': 4.0}
    """
    return {name: part["max"] / part["min"] for name, part in found.get("parts", {}).items() if part.get("min")}


def bad_parts(found: Mapping[str, Any]) -> list[str]:
    """The parts that are badly scaled, the worst first."""
    over = {name: ratio for name, ratio in ratios(found).items() if ratio > BAD_RATIO}
    return sorted(over, key=lambda name: -over[name])


def scaling_sentence(found: Mapping[str, Any], subject: str = "It") -> str:
    """The problem of the scaling; empty if there is none."""
    words, every = [], ratios(found)
    if bad := bad_parts(found):
        spans = [f"the {name} {found['parts'][name]['min']:.0e} to {found['parts'][name]['max']:.0e}" for name in bad]
        words.append(
            f"{subject} is badly scaled: {', '.join(spans)}, a ratio of {every[bad[0]]:.0e} (over {BAD_RATIO:.0e})."
        )
    if dropped := found.get("dropped"):
        words.append(f"HiGHS drops {dropped:,} matrix {'entry' if dropped == 1 else 'entries'} of 1e-09 or less.")
    return " ".join(words)


def scale_options(found: Mapping[str, Any]) -> dict[str, str]:
    """HiGHS's `user_*_scale` that bring the largest cost and limit down to `LARGE`; none for what is below.

    >>> part = {"count": 1, "min": 1.0, "max": 9e7}
    >>> scale_options({"discrete": False, "parts": {"costs": part, "bounds": {"count": 0}, "right-hand sides": part}})
    {'user_objective_scale': '-7', 'user_bound_scale': '-7'}
    """
    parts = found["parts"]
    largest = {
        "user_objective_scale": parts["costs"].get("max", 0.0),
        # A bound of an integer column cannot be scaled.
        "user_bound_scale": 0.0
        if found["discrete"]
        else max(parts["bounds"].get("max", 0.0), parts["right-hand sides"].get("max", 0.0)),
    }
    return {
        name: str(-min(_MOST_PLACES, math.ceil(math.log2(value / LARGE))))
        for name, value in largest.items()
        if value > LARGE
    }
