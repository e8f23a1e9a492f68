"""Xpress's profiles."""

from __future__ import annotations

from times_doctor_tasks.profiles.profile import (
    BAR,
    BAR_NOX,
    DUAL,
    PRIMAL,
    Profile,
    hard,
    standard,
)

PROFILES: tuple[Profile, ...] = (
    standard("xpress", DUAL, "defaultAlg 2", "threads 0"),
    standard("xpress", PRIMAL, "defaultAlg 3", "threads 0"),
    standard("xpress", BAR, "defaultAlg 4", "threads 0"),
    standard("xpress", BAR_NOX, "defaultAlg 4", "crossover 0", "threads 0"),
    hard(
        "xpress",
        "bar_homogeneous",
        "homogeneous self-dual barrier",
        "Barrier ends early, or the model may be infeasible.",
        "defaultAlg 4",
        "barAlg 2",
        "threads 0",
    ),
)
