from __future__ import annotations

import pytest

from tests.unit.cli.scans import (
    drawn,
)
from times_doctor_cli.views.profiles import profiles_view
from times_doctor_tasks.profiles.registry import built_in_profiles


@pytest.mark.parametrize("width", [60, 80, 140])
def test_every_built_in_profile_is_listed(width: int) -> None:
    profiles = built_in_profiles("cplex")
    text = drawn(profiles_view(profiles, width=width), width=width)

    assert all(f"  {profile.name} " in text for profile in profiles)
    assert max(map(len, text.splitlines())) <= width


def test_profiles_stand_in_the_order_in_which_people_use_them() -> None:
    lines = drawn(profiles_view(built_in_profiles(engine=None), width=80)).splitlines()

    assert [line for line in lines if line and not line.startswith(" ")] == [
        "cplex, under GAMS, and without it for .mps and .lp files",
        "highs",
        "highs, without GAMS: .mps and .lp files",
        "gurobi, under GAMS, and without it for .mps and .lp files",
        "xpress, under GAMS, and without it for .mps and .lp files",
        "copt, under GAMS, and without it for .mps and .lp files",
        "mosek",
    ]
