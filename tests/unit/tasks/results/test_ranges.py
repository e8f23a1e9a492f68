from __future__ import annotations

from typing import Any

import pytest

from times_doctor_tasks.results.ranges import bad_parts, scale_options, scaling_sentence


def make_found(**parts: tuple[float, float]) -> dict[str, Any]:
    known: dict[str, Any] = {
        name: {"count": 0} for name in ("matrix", "costs", "bounds", "right-hand sides") if name not in parts
    }
    known |= {
        name.replace("rhs", "right-hand sides"): {"count": 2, "min": a, "max": b} for name, (a, b) in parts.items()
    }
    return {"discrete": False, "dropped": 0, "parts": known}


@pytest.mark.parametrize(
    ("parts", "bad"),
    [
        ({}, []),
        ({"matrix": (1e-3, 1e6)}, []),
        ({"matrix": (1e-3, 1.1e6)}, ["matrix"]),
        ({"matrix": (1e-4, 1e6), "costs": (1e-9, 1e6), "bounds": (1.0, 5.0)}, ["costs", "matrix"]),
    ],
)
def test_a_ratio_over_a_billion_is_bad_scaling(parts: dict[str, tuple[float, float]], bad: list[str]) -> None:
    found = make_found(**parts)
    assert bad_parts(found) == bad
    assert bool(scaling_sentence(found)) is bool(bad)


def test_the_sentence_names_each_bad_part_with_its_range() -> None:
    assert scaling_sentence(make_found(matrix=(1e-5, 2e6), rhs=(1.0, 4e9))) == (
        "It is badly scaled: the matrix 1e-05 to 2e+06, the right-hand sides 1e+00 to 4e+09, a ratio of 2e+11 "
        "(over 1e+09)."
    )


def test_dropped_entries_are_told_without_bad_scaling() -> None:
    assert scaling_sentence(make_found() | {"dropped": 1}) == "HiGHS drops 1 matrix entry of 1e-09 or less."


@pytest.mark.parametrize(
    ("found", "options"),
    [
        (make_found(costs=(1.0, 1e6), rhs=(1.0, 1e6)), {}),
        (make_found(costs=(1.0, 9e7)), {"user_objective_scale": "-7"}),
        (make_found(bounds=(1.0, 1e6), rhs=(1.0, 1e7)), {"user_bound_scale": "-4"}),
        (make_found(bounds=(1.0, 1e18)), {"user_bound_scale": "-20"}),
        (make_found(bounds=(1.0, 1e18), costs=(1.0, 2e6)) | {"discrete": True}, {"user_objective_scale": "-1"}),
    ],
)
def test_the_largest_cost_and_limit_are_scaled_down_as_highs_advises(
    found: dict[str, Any], options: dict[str, str]
) -> None:
    assert scale_options(found) == options
