from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_cli.veda.applied_file import apply, last_applied, undo
from times_doctor_cli.veda.placement import Placement, content_of
from times_doctor_tasks.contract.errors import UsageError


def put(path: Path, text: str = "lpmethod 4\n") -> Path | None:
    return apply(Placement(path, text, "cplex.bar", "cplex", content_of(path)))


def take_back(folder: Path) -> None:
    undo(*last_applied(folder, {"cplex", "gurobi"}))


def files_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in folder.iterdir() if not path.name.endswith(".json")}


@pytest.mark.parametrize("before", ["* mine\r\nlpmethod 2\r\n", "", None])
def test_what_stood_there_comes_back(before: str | None, tmp_path: Path) -> None:
    path = tmp_path / "cplex.opt"
    if before is not None:
        path.write_bytes(before.encode())
    backup = put(path)
    assert files_of(tmp_path) == {"cplex.opt": "lpmethod 4\n"} | ({} if backup is None else {backup.name: before})
    take_back(tmp_path)
    assert {name.name: name.read_bytes().decode() for name in tmp_path.iterdir()} == (
        {} if before is None else {"cplex.opt": before}
    )


def test_each_time_is_taken_back_by_itself_the_last_one_first(tmp_path: Path) -> None:
    path = tmp_path / "cplex.opt"
    path.write_text("* mine\n")
    put(path, "lpmethod 4\n")
    put(path, "lpmethod 2\n")
    take_back(tmp_path)
    assert path.read_text() == "lpmethod 4\n"
    take_back(tmp_path)
    assert files_of(tmp_path) == {"cplex.opt": "* mine\n"}
    with pytest.raises(UsageError, match="nothing to take back"):
        take_back(tmp_path)


def test_a_backup_of_somebody_elses_is_neither_overwritten_nor_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "cplex.opt.1.bak").write_text("* theirs\n")
    put(tmp_path / "cplex.opt")
    take_back(tmp_path)
    assert files_of(tmp_path) == {"cplex.opt.1.bak": "* theirs\n"}
    (tmp_path / "cplex.opt").write_text("* mine\n")
    assert put(tmp_path / "cplex.opt") == tmp_path / "cplex.opt.2.bak"


@pytest.mark.parametrize("since", ["* edited since\n", None])
def test_a_file_that_somebody_changed_since_is_left_alone(since: str | None, tmp_path: Path) -> None:
    path = tmp_path / "cplex.opt"
    path.write_text("* mine\n")
    put(path)
    path.unlink() if since is None else path.write_text(since)
    before = files_of(tmp_path)
    with pytest.raises(UsageError, match=r"was changed after .* is cplex\.opt\.1\.bak"):
        take_back(tmp_path)
    assert files_of(tmp_path) == before


def test_a_backup_that_is_gone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cplex.opt"
    path.write_text("* mine\n")
    put(path)
    (tmp_path / "cplex.opt.1.bak").unlink()
    with pytest.raises(UsageError, match=r"could not be taken back.*cplex\.opt\.1\.bak"):
        take_back(tmp_path)
    assert path.read_text() == "lpmethod 4\n"


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "a_file").write_text("")
    with pytest.raises(UsageError, match=r"a_file.* could not be written"):
        apply(Placement(tmp_path / "a_file" / "cplex.opt", "lpmethod 4\n", "cplex.bar", "cplex", None))
