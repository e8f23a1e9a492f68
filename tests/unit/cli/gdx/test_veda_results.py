from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from times_doctor_cli.gdx.veda_results import unpack
from times_doctor_tasks.contract.messages import RunResult

MakeResult = Callable[..., RunResult]


def archive_of(folder: Path, *names: str) -> Path:
    path = folder / "veda.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, f"content of {name}")
    return path


@pytest.mark.parametrize(("basis", "readme"), [("vertex", False), ("interior", True)])
def test_results_lie_under_their_names_and_say_whether_marginals_are_a_vertexs(
    basis: str, readme: bool, make_result: MakeResult, tmp_path: Path
) -> None:
    run = msgspec.structs.replace(make_result("dual"), basis=basis)
    folder = tmp_path / "out" / "veda"
    unpack(archive_of(tmp_path, "a.vd", "a.vde", "a.vds"), run, folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {"a.vd", "a.vde", "a.vds"} | ({"README.txt"} if readme else set())
    assert (folder / "a.vd").read_text() == "content of a.vd"
    if readme:
        assert "marginals" in (folder / "README.txt").read_text()


def test_no_name_in_an_archive_leads_out_of_the_folder(make_result: MakeResult, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "veda"
    unpack(archive_of(tmp_path, "../../up.vd", "/abs.vd"), make_result("dual"), folder)
    assert sorted(path.name for path in folder.iterdir() if path.name != "README.txt") == ["abs.vd", "up.vd"]


def test_a_damaged_archive_is_an_error_of_reading(make_result: MakeResult, tmp_path: Path) -> None:
    (tmp_path / "veda.zip").write_bytes(b"no archive")
    with pytest.raises(OSError, match="damaged"):
        unpack(tmp_path / "veda.zip", make_result("dual"), tmp_path / "out" / "veda")
    assert list((tmp_path / "out").iterdir()) == []
