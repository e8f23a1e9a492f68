"""COPT's profiles."""

from __future__ import annotations

from times_doctor_tasks.profiles.profile import (
    BAR,
    BAR_NOX,
    DUAL,
    Profile,
    hard,
    standard,
)

PROFILES: tuple[Profile, ...] = (
    standard("copt", DUAL, "LpMethod 1", "Threads 0"),
    standard("copt", BAR, "LpMethod 2", "Crossover 1", "Threads 0"),
    standard("copt", BAR_NOX, "LpMethod 2", "Crossover 0", "Threads 0"),
    hard(
        "copt",
        "bar_homogeneous",
        "homogeneous barrier",
        "Barrier ends early, or the model may be infeasible.",
        "LpMethod 2",
        "Crossover 1",
        "BarHomogeneous 1",
        "Threads 0",
    ),
)
