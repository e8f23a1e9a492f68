from __future__ import annotations

import errno
import importlib
import logging
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from times_doctor_worker.engines.gams_installation import clean_environ
from times_doctor_worker.engines.gdx2veda import make_veda_results

DATA = Path(__file__).parents[3] / "data" / "veda"

ENVIRON = clean_environ(os.environ)


@pytest.fixture
def tool() -> Path:
    gamspy_base = importlib.import_module("gamspy_base")
    return Path(gamspy_base.directory) / "gdx2veda"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(DATA / "tiny.gdx", tmp_path / "run.gdx")
    return tmp_path


def packed(folder: Path) -> dict[str, str]:
    with zipfile.ZipFile(folder / "veda.zip") as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_gdx2veda_needs_no_licence_and_makes_the_files_of_that_name(tool: Path, folder: Path) -> None:
    assert make_veda_results(tool, folder, DATA / "tiny.vdd", "trastg-copy~0003_1103", ENVIRON)
    files = packed(folder)
    assert sorted(files) == [f"trastg-copy~0003_1103.vd{kind}" for kind in ("", "e", "s")]
    assert '"VAR_Cap","PP2","2030","REG",4\n' in files["trastg-copy~0003_1103.vd"].replace("\r", "")
    assert sorted(path.name for path in folder.iterdir()) == ["run.gdx", "veda.zip"]


def test_a_definition_that_does_not_fit_costs_the_results_and_is_in_the_log(
    tool: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "bad.vdd").write_text("[DataEntries]\n VAR_X par_nothere r t p\n")
    with caplog.at_level(logging.WARNING):
        assert not make_veda_results(tool, folder, folder / "bad.vdd", "x", ENVIRON)
    assert "par_nothere" in caplog.text
    assert not (folder / "veda.zip").exists()


def test_a_gams_without_gdx2veda_costs_the_results(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert not make_veda_results(folder / "gdx2veda", folder, DATA / "tiny.vdd", "x", ENVIRON)
    assert "no results for VEDA" in caplog.text


def test_a_full_disk_costs_the_results_and_never_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(**_: object) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    with caplog.at_level(logging.WARNING):
        assert not make_veda_results(folder / "gdx2veda", folder, DATA / "tiny.vdd", "x", ENVIRON)
    assert "No space left" in caplog.text


def test_an_archive_that_cannot_be_written_costs_the_results(
    tool: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("zipfile.ZipFile.write", broken)
    assert not make_veda_results(tool, folder, DATA / "tiny.vdd", "x", ENVIRON)
    assert [path.name for path in folder.iterdir()] == ["run.gdx"]


def test_the_tool_gets_the_environment_of_gams_and_not_the_workers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMES_DOCTOR_BROKER_URL", "redis://:secret@h")
    tool = folder / "gdx2veda"
    tool.write_text('#!/bin/sh\nenv > "$3.vd"\n')
    tool.chmod(0o755)
    assert make_veda_results(tool, folder, DATA / "tiny.vdd", "x", ENVIRON)
    assert "secret" not in packed(folder)["x.vd"]
