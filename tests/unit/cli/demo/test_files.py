from __future__ import annotations

import re
from pathlib import Path

import pytest

from times_doctor_cli.commands.scan.demo import typed_program
from times_doctor_cli.demo.files import DemoFiles, write_demo
from times_doctor_tasks.contract.errors import UsageError


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    return write_demo(tmp_path_factory.mktemp("written") / "demo")


def _comments_cut(path: Path) -> str:
    return "\n".join(line for line in path.read_text().upper().splitlines() if not line.startswith("*"))


def test_demo_is_laid_out_like_a_veda_run(written: DemoFiles) -> None:
    root = written.lp_file.parent

    assert written.run_dir == root / "parscen"
    assert {path.name for path in written.run_dir.iterdir()} == {
        "parscen.run",
        "parscen_ts.dd",
        "VTRUN.CMD",
        "cplex.opt",
    }
    assert (root / "base.dd").is_file()
    assert (root / "data" / "weather.dd").is_file()
    assert (root / "source" / "maindrv.mod").is_file()
    assert written.lp_file.read_text().endswith("ENDATA\n")


def test_command_file_has_windows_line_ends_and_names_the_folders(written: DemoFiles) -> None:
    raw = (written.run_dir / "VTRUN.CMD").read_bytes()

    assert raw.count(b"\n") == raw.count(b"\r\n") > 0
    assert rb"%$case_name%.run idir1=. idir2=..\source idir3=.. --WEATHER=weather" in raw
    assert b" r=" not in raw


def test_driver_exercises_the_names_that_windows_forgives(written: DemoFiles) -> None:
    driver = (written.run_dir / "parscen.run").read_text()

    assert "$INCLUDE Base.dd" in driver
    assert r"$INCLUDE ..\data\Demand.dd" in driver
    assert r"$BATINCLUDE ..\data\%WEATHER%.dd" in driver


def test_no_statement_of_the_model_overrules_the_command_line(written: DemoFiles) -> None:
    texts = (path for path in written.lp_file.parent.rglob("*") if path.suffix in {".run", ".mod", ".dd"})
    code = "\n".join(map(_comments_cut, texts))
    assert not re.search(r"\bOPTION\b[^;]*\b(LP|MIP|RMIP)\s*=", code)
    assert re.findall(r"\.OPTFILE\s*=\s*(\d+)", code) == ["1"]


def test_model_stays_small_in_the_package(written: DemoFiles) -> None:
    files = {path for path in written.lp_file.parent.rglob("*") if path.is_file()} - {written.lp_file}

    assert sum(path.stat().st_size for path in files) < 300_000


def test_writing_twice_leaves_the_first_files_alone(tmp_path: Path) -> None:
    lp_file = write_demo(tmp_path).lp_file
    before = lp_file.stat()

    write_demo(tmp_path)

    assert (lp_file.stat().st_ino, lp_file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_changed_sample_is_not_overwritten(tmp_path: Path) -> None:
    write_demo(tmp_path)
    scenario = tmp_path / "scenario.dd"
    scenario.write_text(scenario.read_text().replace("'CO2' 11", "'CO2' 3"))
    (tmp_path / "base.dd").unlink()

    with pytest.raises(UsageError, match=r"changed or is of another version: scenario\.dd\. Nothing was written"):
        write_demo(tmp_path)

    assert "'CO2' 3" in scenario.read_text()
    assert not (tmp_path / "base.dd").exists()


@pytest.mark.parametrize("in_the_way", ["demo", "demo/source"])
def test_file_in_the_way_is_a_usage_error(tmp_path: Path, in_the_way: str) -> None:
    (tmp_path / in_the_way).parent.mkdir(exist_ok=True)
    (tmp_path / in_the_way).write_text("")

    with pytest.raises(UsageError, match=r"cannot be written to .*demo"):
        write_demo(tmp_path / "demo")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / in_the_way]


def test_the_program_is_named_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".venv" / "bin" / "times-doctor"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(program)])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert typed_program() == str(program)

    monkeypatch.setenv("PATH", str(program.parent))
    assert typed_program() == "times-doctor"
