"""HiGHS's profiles, under GAMS and by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from times_doctor_tasks.profiles.profile import (
    BAR,
    BAR_NOX,
    DUAL,
    PRIMAL,
    ModelClass,
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


def _by_itself(profile: Profile) -> Profile:
    """The same without GAMS. It says `ipx`: `ipm` is another algorithm (HiPO) where HiGHS has its extras."""
    return replace(profile, engine="highs", options=profile.options.replace("solver = ipm", "solver = ipx"))


def _only_here(name: str, does: str, use_when: str, *lines: str, sets: frozenset[str] = frozenset()) -> Profile:
    return Profile(
        name, "highs", option_text(*lines, "threads = 0"), engine="highs", does=does, use_when=use_when, sets=sets
    )


_MIP = frozenset({"mip"})

#: HiGHS by itself, for .mps and .lp files.
# The same names as under GAMS: `-p dual` then means the same wherever a model comes from.
BARE: tuple[Profile, ...] = (
    *(_by_itself(profile) for profile in PROFILES),
    replace(
        # Not with a looser kkt_tolerance: 1e-5 made it 8 times as fast on the large demo model (25 s, not 192),
        # but its objective was off by 9e-6, and on a real TIMES model (DemoS_004a) it then ended as "Unknown".
        _only_here(
            "pdlp",
            "first-order method (PDLP)",
            "Models too large to factorize. Its tolerances are relative, its last digits slow: mind its objective "
            "and infeasibilities, and give it a --timeout-seconds.",
            "solver = pdlp",
        ),
        interior=True,
    ),
    _only_here(
        "default",
        "HiGHS's own choices",
        "A MIP or QP, where HiGHS chooses the method itself.",
        sets=_MIP | {"qp"},
    ),
    _only_here(
        "lp_ipx",
        "relaxations of a MIP by barrier",
        "A MIP whose relaxations are slow by simplex. Worth a look, no advice.",
        "mip_lp_solver = ipx",
        sets=_MIP,
    ),
    _only_here(
        "seed_2",
        "another order of the search",
        "A MIP: tells how much of its time is luck.",
        "random_seed = 2",
        sets=_MIP,
    ),
)

#: The set that runs where nobody names a profile, and why it is this one.
DEFAULT_SETS: Mapping[ModelClass, tuple[str, str]] = {
    ModelClass.LP: ("default", "the method decides how long an LP takes"),
    ModelClass.MIP: ("mip", "HiGHS chooses the method of a MIP itself"),
    ModelClass.QP: ("qp", "HiGHS has one method for a QP"),
    ModelClass.MIQP: ("qp", "HiGHS solves no QP with integers, and will say so"),
}
