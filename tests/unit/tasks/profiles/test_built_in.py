from __future__ import annotations

import pytest

from times_doctor_tasks.profiles.built_in import built_in
from times_doctor_tasks.profiles.profile import Profile
from times_doctor_tasks.profiles.registry import built_in_profiles


@pytest.mark.parametrize("profile", built_in(), ids=lambda profile: f"{profile.engine}-{profile.key}")
def test_every_profile_says_what_it_does_and_when_and_its_text_is_written_out(profile: Profile) -> None:
    assert profile.does
    assert profile.use_when
    assert profile.options.endswith("\n")
    assert "@" not in profile.options


def test_what_a_file_does_not_say_is_that_of_its_kind() -> None:
    by_name = {profile.name: profile for profile in built_in_profiles("gurobi")}
    assert by_name["bar_predual"].does == "barrier on the dual of the model"
    assert by_name["bar_predual"].sets == {"hard"}
    assert by_name["dual"].sets == {"default"}


def test_a_file_may_take_a_profile_out_of_the_set_of_its_kind() -> None:
    assert {profile.name for profile in built_in_profiles("cplex") if "default" in profile.sets} == {
        "dual",
        "sift",
        "bar_nox",
    }


def test_highs_alone_has_the_profiles_of_highs_under_gams_with_the_barrier_that_every_highs_has() -> None:
    alone = {profile.name: profile.options for profile in built_in_profiles("highs", engine="highs")}
    for profile in built_in_profiles("highs"):
        assert alone[profile.name] == profile.options.replace("solver = ipm", "solver = ipx")
