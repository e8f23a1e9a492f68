from __future__ import annotations

import sys
from pathlib import Path

import pytest

from times_doctor_worker.engines import sandbox
from times_doctor_worker.engines.sandbox import open_note, readable
from times_doctor_worker.process import landlock


@pytest.mark.parametrize(
    ("engines", "setting", "version", "says"),
    [
        (("gams", "highs"), "highs", 7, ""),
        (("gams", "highs"), "highs", 0, "no Landlock"),
        (("gams", "highs"), "off", 7, "TIMES_DOCTOR_SANDBOX is off"),
        (("gams",), "highs", 0, ""),
        (("gams",), "all", 0, "no Landlock"),
    ],
)
def test_a_host_says_where_solvers_see_its_files(
    monkeypatch: pytest.MonkeyPatch, engines: tuple[str, ...], setting: str, version: int, says: str
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: version)
    note = open_note(engines, setting)
    assert says in note
    assert note.startswith("solvers see this machine's files") == bool(says)


def test_what_a_confined_engine_reads_holds_no_folder_of_people_or_settings(tmp_path: Path) -> None:
    seen = readable(tmp_path, tmp_path / "engine")
    assert {tmp_path, tmp_path / "engine"} <= set(seen)
    assert Path(sys.base_prefix).resolve() in seen
    assert not {Path(place) for place in ("/", "/etc", "/home", "/root", "/tmp", "/proc", "/var")} & set(seen)


def test_names_of_the_setting_and_of_the_rule_agree() -> None:
    from times_doctor_tasks.config.settings import ENGINES, SANDBOXES

    assert [[sandbox.is_confined(engine, setting) for engine in ENGINES] for setting in SANDBOXES] == [
        [False, True, False, False, False, False],
        [True] * 6,
        [False] * 6,
    ]
