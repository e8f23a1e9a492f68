from __future__ import annotations

import os
from pathlib import Path

import pytest

from times_doctor_cli.planning.builder import out_folder
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.run_folder.run_dir import look
from times_doctor_tasks.contract.errors import UsageError


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("n" * 300, "File name too long"),
        ("new/" + "n" * 300, "File name too long"),
        ("loop", "Too many levels"),
        ("loop/x", "Too many levels"),
        ("pipe", "Not a directory"),
        ("m.lp/x", "Not a directory"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_solved(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "m.lp").write_text("Minimize\n cost: x\nSubject To\n c: x >= 1\nEnd\n")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    model = look(tmp_path / "m.lp", environ={})
    with pytest.raises(UsageError, match=f"Reports cannot be written to .*: {why}.* Use --out DIR"):
        out_folder(ScanRequest(run_path=tmp_path / "m.lp", out=tmp_path / name), model)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_can_be_made_is_not_made_yet(tmp_path: Path) -> None:
    (tmp_path / "m.lp").write_text("Minimize\n cost: x\nSubject To\n c: x >= 1\nEnd\n")
    wanted = tmp_path / "new" / ".." / "other" / "out"
    model = look(tmp_path / "m.lp", environ={})
    assert out_folder(ScanRequest(run_path=tmp_path / "m.lp", out=wanted), model) == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["m.lp"]


def test_a_trace_that_would_replace_another_file_is_refused_before_anything_is_solved(tmp_path: Path) -> None:
    (tmp_path / "m.lp").write_text("Minimize\n cost: x\nSubject To\n c: x >= 1\nEnd\n")
    model = look(tmp_path / "m.lp", environ={})
    with pytest.raises(UsageError, match=r"m\.lp' is no GAMS trace file, so it is not replaced"):
        out_folder(ScanRequest(run_path=tmp_path / "m.lp", trace=tmp_path / "m.lp"), model)
