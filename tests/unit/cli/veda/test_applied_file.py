from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from times_doctor_cli.veda.applied_file import apply, undo
from times_doctor_cli.veda.placement import Placement
from times_doctor_tasks.contract.errors import UsageError


def placement_over(path: Path, before: str | None, text: str = "lpmethod 4\n") -> Placement:
    if before is not None:
        path.write_bytes(before.encode())
    return Placement(path, text, "cplex.bar", "cplex", before)


def files_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in folder.iterdir()}


def test_what_stood_there_is_kept_and_comes_back(tmp_path: Path) -> None:
    place = placement_over(tmp_path / "cplex.opt", "* mine\r\nlpmethod 2\r\n")
    assert apply(place) == tmp_path / "cplex.opt.1.bak"
    assert files_of(tmp_path) == {"cplex.opt": "lpmethod 4\n", "cplex.opt.1.bak": "* mine\r\nlpmethod 2\r\n"}

    undo(replace(place, before=place.text))
    assert files_of(tmp_path) == {"cplex.opt": "* mine\r\nlpmethod 2\r\n"}


def test_a_file_that_was_not_there_before_goes_again(tmp_path: Path) -> None:
    place = placement_over(tmp_path / "cplex.opt", None)
    assert apply(place) is None
    assert undo(replace(place, before=place.text)) is None
    assert files_of(tmp_path) == {}


def test_each_backup_has_a_number_of_its_own_and_the_newest_comes_back_first(tmp_path: Path) -> None:
    path = tmp_path / "cplex.opt"
    for number in range(9, 12):
        (tmp_path / f"cplex.opt.{number}.bak").write_text(f"* {number}\n")
    assert apply(placement_over(path, "* newest\n")) == tmp_path / "cplex.opt.12.bak"
    undo(placement_over(path, "lpmethod 4\n"))
    assert path.read_text() == "* newest\n"
    assert not (tmp_path / "cplex.opt.12.bak").exists()


@pytest.mark.parametrize("before", ["* edited since\n", None])
def test_a_file_that_somebody_changed_since_is_left_alone(before: str | None, tmp_path: Path) -> None:
    (tmp_path / "cplex.opt.1.bak").write_text("* old\n")
    with pytest.raises(UsageError, match="nothing is taken back"):
        undo(placement_over(tmp_path / "cplex.opt", before))
    assert (tmp_path / "cplex.opt.1.bak").read_text() == "* old\n"


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "a_file").write_text("")
    with pytest.raises(UsageError, match=r"a_file.* could not be written"):
        apply(placement_over(tmp_path / "a_file" / "cplex.opt", None))
