from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from times_doctor_cli.planning import model_scaling
from times_doctor_cli.planning.model_scaling import with_ranges, with_scaled
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.planning.runs import choose_profiles, why_these
from times_doctor_cli.run_folder.model import RunDir, RunKind
from times_doctor_cli.run_folder.run_dir import look
from times_doctor_tasks.profiles.option_file import parse_options
from times_doctor_tasks.profiles.profile import Profile

_BAD = "Minimize\n cost: 1e-3 x + 3e7 y\nSubject To\n need: x + y >= 4\n most: x <= 3\n"
_GOOD = "Minimize\n cost: x + 3 y\nSubject To\n need: x + y >= 4\n most: x <= 3\n"
_UNREADABLE = "Minimize\n x\nSubject To\n a: x + [ x * y ] <= 9\nEnd\n"


def make_run_dir(folder: Path, model: str) -> RunDir:
    path = folder / "m.lp"
    path.write_text(f"{model}End\n")
    return with_ranges(look(path, environ={}))


def chosen(run_dir: RunDir, **fields: object) -> tuple[Profile, ...]:
    request = ScanRequest(run_path=run_dir.driver, **fields)  # type: ignore[arg-type]
    return with_scaled(choose_profiles(request, run_dir, ("highs",)), request, run_dir)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (_GOOD, ["dual", "bar", "bar_nox"]),
        (_BAD, ["dual", "bar", "bar_nox", "scaled"]),
        (f"{_BAD}Bounds\n x <= 9\n y <= 9\nGeneral\n x\n", ["default", "lp_ipx", "seed_2", "scaled"]),
        (_BAD.replace("3e7 y", "3e7 y + [ x^2 ] / 2"), ["default"]),
    ],
    ids=["good", "bad", "bad mip", "bad qp"],
)
def test_a_badly_scaled_model_gets_the_scaled_profile_beside_the_others(
    tmp_path: Path, model: str, names: list[str]
) -> None:
    run_dir = make_run_dir(tmp_path, model)
    profiles = chosen(run_dir)
    assert [profile.name for profile in profiles] == names
    assert any("badly scaled" in words for words in run_dir.warnings) is (model != _GOOD)
    assert ("Profile scaled runs too" in why_these(run_dir, profiles)) is ("scaled" in names)


def test_the_scaled_profile_is_fitted_to_the_ranges(tmp_path: Path) -> None:
    run_dir = make_run_dir(tmp_path, _BAD)
    for profiles in (chosen(run_dir), chosen(run_dir, profiles=("scaled",))):
        options = parse_options(profiles[-1].options, "highs")
        assert options.value("user_objective_scale") == "-5"
        assert options.value("user_bound_scale") == ""
        assert options.value("simplex_scale_strategy") == "3"


def test_who_chose_his_profiles_keeps_them(tmp_path: Path) -> None:
    run_dir = make_run_dir(tmp_path, _BAD)
    own = tmp_path / "mine.opt"
    own.write_text("solver = ipx\n")
    assert [profile.name for profile in chosen(run_dir, profiles=("dual",))] == ["dual"]
    assert [profile.name for profile in chosen(run_dir, opt_files=(own,))] == ["mine"]


@pytest.mark.parametrize("why", ["no HiGHS", "too large", "unreadable", "not a model file"])
def test_a_scan_goes_on_where_the_ranges_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    path = tmp_path / "m.lp"
    path.write_text(_UNREADABLE if why == "unreadable" else f"{_BAD}End\n")
    run_dir = look(path, environ={})
    if why == "no HiGHS":
        monkeypatch.setattr(model_scaling, "has_highs", lambda: False)
    if why == "too large":
        monkeypatch.setattr(model_scaling, "MOST_BYTES", 10)
    if why == "not a model file":
        run_dir = replace(run_dir, kind=RunKind.GAMS)
    assert with_ranges(run_dir) == run_dir
