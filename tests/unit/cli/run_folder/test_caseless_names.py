from __future__ import annotations

import pytest

from tests.unit.cli.run_folder.conftest import MakeTree
from times_doctor_cli.run_folder.caseless_names import Folders
from times_doctor_cli.run_folder.errors import AmbiguousName


@pytest.mark.parametrize(
    "written",
    ["Data/Base.dd", "data/base.dd", r"DATA\BASE.DD", r".\data\base.dd", r"x\..\Data\base.dd", "data//base.dd"],
)
def test_a_file_is_found_as_windows_would_find_it(make_tree: MakeTree, written: str) -> None:
    root = make_tree({"Data/Base.dd": "", "x/y": ""})
    assert Folders().find_file(root, written) == root / "Data" / "Base.dd"


def test_a_name_above_the_folder_is_found(make_tree: MakeTree) -> None:
    root = make_tree({"Data/Base.dd": "", "wrk/case/a.run": ""})
    assert Folders().find_file(root / "wrk" / "case", r"..\..\data\base.dd") == root / "Data" / "Base.dd"


def test_the_exact_name_wins_over_one_that_differs_in_case(make_tree: MakeTree) -> None:
    root = make_tree({"base.dd": "1", "Base.dd": "2"})
    assert Folders().find_file(root, "Base.dd") == root / "Base.dd"


def test_two_names_that_differ_only_in_case_are_an_error(make_tree: MakeTree) -> None:
    root = make_tree({"base.dd": "1", "Base.dd": "2"})
    with pytest.raises(AmbiguousName, match=r"'BASE\.DD' may mean .*Base\.dd' or .*base\.dd'"):
        Folders().find_file(root, "BASE.DD")


def test_folders_are_no_files_and_files_no_folders(make_tree: MakeTree) -> None:
    root = make_tree({"data/base.dd": ""})
    assert Folders().find_file(root, "DATA") is None
    assert Folders().find_folder(root, "DATA") == root / "data"
    assert Folders().find_folder(root, "data/base.dd") is None
    assert Folders().find_file(root / "gone", "x") is None
