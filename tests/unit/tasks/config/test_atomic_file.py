from __future__ import annotations

import stat
from pathlib import Path

import pytest

from times_doctor_tasks.config.atomic_file import replacing, write_durably


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert not path.exists()
    assert path.read_text() == "first"  # the outer one ended last
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_writer_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as part:
            part.write_text("half")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_half()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_name_as_long_as_a_name_can_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with replacing(path) as part:
        part.write_text("x")
    assert path.read_text() == "x"


def test_a_durable_file_is_its_owners_alone(tmp_path: Path) -> None:
    write_durably(tmp_path / "result.json", b"{}")
    assert stat.S_IMODE((tmp_path / "result.json").stat().st_mode) == 0o600
