from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_tasks.config.cache_dir import require_cache_folder
from times_doctor_tasks.contract.errors import InfrastructureError, UsageError


def test_a_cache_folder_is_made_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    require_cache_folder(folder, None)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_a_file_in_its_place_is_named_with_what_named_it(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / below
    with pytest.raises(UsageError) as caught:
        require_cache_folder(folder, "TIMES_DOCTOR_CACHE_DIR")
    assert "(from TIMES_DOCTOR_CACHE_DIR)" in str(caught.value)
    assert "is a file. Name a folder" in str(caught.value)


def test_a_default_that_cannot_be_used_says_how_to_name_another(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("")
    with pytest.raises(InfrastructureError, match="Set TIMES_DOCTOR_CACHE_DIR to a folder"):
        require_cache_folder(tmp_path / ".cache" / "times-doctor", None)


def test_a_folder_without_room_for_anything_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = open("/dev/full", "wb", buffering=1 << 20)  # noqa: PTH123, SIM115  # the folder's test closes it
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
    with pytest.raises(UsageError, match=r"cannot be used: No space left on device\. Name a folder"):
        require_cache_folder(tmp_path, "TIMES_DOCTOR_CACHE_DIR")
