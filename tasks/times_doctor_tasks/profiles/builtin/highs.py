"""HiGHS's profiles, under GAMS and by itself."""

from __future__ import annotations

from dataclasses import replace

from times_doctor_tasks.profiles.profile import (
    BAR,
    BAR_NOX,
    DUAL,
    PRIMAL,
    Profile,
    option_text,
    standard,
)

PROFILES: tuple[Profile, ...] = (
    standard("highs", DUAL, "solver = simplex", "simplex_strategy = 1", "threads = 0"),
    standard("highs", PRIMAL, "solver = simplex", "simplex_strategy = 4", "threads = 0"),
    standard("highs", BAR, "solver = ipm", "run_crossover = on", "threads = 0"),
    standard("highs", BAR_NOX, "solver = ipm", "run_crossover = off", "threads = 0"),
)

#: HiGHS by itself, for .mps and .lp files.
# The same names and texts as under GAMS: `-p dual` then means the same wherever a model comes from.
BARE: tuple[Profile, ...] = (
    *(replace(profile, engine="highs") for profile in PROFILES),
    Profile(
        "pdlp",
        "highs",
        option_text("solver = pdlp", "threads = 0"),
        engine="highs",
        interior=True,
        does="first-order method (PDLP)",
        # Not with a looser kkt_tolerance: 1e-5 made it 8 times as fast on the large demo model (25 s, not 192),
        # but its objective was off by 9e-6, and on a real TIMES model (DemoS_004a) it then ended as "Unknown".
        use_when="Models too large to factorize. Its tolerances are relative, its last digits slow: mind its objective "
        "and infeasibilities, and give it a --timeout-seconds.",
    ),
)
