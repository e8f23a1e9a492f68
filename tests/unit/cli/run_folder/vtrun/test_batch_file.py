from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.cli.run_folder.conftest import MakeTree
from times_doctor_cli.run_folder.caseless_names import Folders
from times_doctor_cli.run_folder.vtrun.batch_file import Batch, read_batch

Read = Callable[..., Batch]

VEDA = (
    b'@echo off\r\nSET "$case_name=demos_007"\r\nSET "$vd_file_name=demos_007_1103"\r\n'
    b"Title demos_007 [ Demo & Step 007 ] [DEMOS_007] \r\n"
    b"CALL ..\\..\\Src\\VT_GAMS %$case_name% ..\\Src GAMSSAVE\\%$case_name% '' ..\\ lo=1 --DSC=YES 2>&1 | "
    b'tee "%$case_name%_run_log.txt"\r\n'
    b"GDX2VEDA GAMSSAVE\\%$case_name% ..\\..\\Src\\times2veda.vdd %$vd_file_name%\r\n"
    b"@echo Closed >RunTerminated\r\n"
)


@pytest.fixture
def read(make_tree: MakeTree) -> Read:
    def run(text: str | bytes, *, environ: dict[str, str] | None = None, **others: str) -> Batch:
        root = make_tree({"wrk/case/VTRUN.CMD": text, **others})
        return read_batch(root / "wrk/case/VTRUN.CMD", Folders(), environ or {})

    return run


def one(batch: Batch) -> dict[str, object]:
    (call,) = batch.calls
    return {
        "driver": call.driver,
        "idirs": call.idirs,
        "parameters": call.parameters,
        "restart": call.restart,
        "gdxpath": call.gdxpath,
    }


def test_what_veda_writes_is_understood_without_its_script(read: Read) -> None:
    batch = read(VEDA)
    assert one(batch) == {
        "driver": "demos_007.run",
        "idirs": ["..\\..\\Src\\", "..\\"],
        "parameters": [("lo", "1"), ("--DSC", "YES")],
        "restart": None,
        "gdxpath": None,
    }
    assert batch.calls[0].source == "VTRUN.CMD line 5"


def test_the_script_veda_calls_is_read_where_it_is_there(read: Read) -> None:
    script = (
        "@echo off\nrem a made-up script\nif not exist GAMSSAVE\\nul mkdir GAMSSAVE\n"
        "gams %1.run idir1=%5%2 idir2=%~5 gdx=%3 r=%~dp0_times.g00 --GDXPATH=GAMSSAVE\\ %6 %7\n"
    )
    batch = read(VEDA, **{"Src/vt_gams.cmd": script})
    call = batch.calls[0]
    assert call.source == "VTRUN.CMD line 5, vt_gams.cmd line 4"
    assert call.idirs == ["..\\..\\Src", "..\\"]
    assert str(call.restart).endswith("/Src/_times.g00")
    assert call.gdxpath == "GAMSSAVE\\"


@pytest.mark.parametrize(
    ("line", "driver", "idirs"),
    [
        ("gams a.run idir1=x", "a.run", ["x"]),
        ("call GAMS a.run idir=x;y", "a.run", ["x", "y"]),
        ('"C:\\Program Files\\GAMS\\42\\gams.exe" "my case.run" idir1="..\\my data"', "my case.run", ["..\\my data"]),
        ("start /wait gams.exe a.run idir2=b idir1=a", "a.run", ["a", "b"]),
        ("if exist a.run gams a.run inputdir1=x", "a.run", ["x"]),
        ('if not "%1"=="q" (gams a.run idir1=x)', "a.run", ["x"]),
        ("gams a.run idir1=x > out.txt 2>nul & echo idir1=no", "a.run", ["x"]),
        ("gams a.run /idir1=x -idir2=y", "a.run", ["x", "y"]),
        ("@gams a.run idir1=x^&y", "a.run", ["x&y"]),
        ("echo start && gams a.run idir1=x", "a.run", ["x"]),
        ("%GAMSDIR%\\gams a.run idir1=%DATA:old=new%\\x", "a.run", ["new\\x"]),
        ("gams a.run idir1=100%%", "a.run", ["100%"]),
        ("gams a.run idir1=\u00e9t\u00e9", "a.run", ["\u00e9t\u00e9"]),
    ],
)
def test_gams_lines_are_read_however_they_are_written(read: Read, line: str, driver: str, idirs: list[str]) -> None:
    batch = read(f"set DATA=old\r\n{line}\r\n".encode("cp1252"))
    assert (batch.calls[0].driver, batch.calls[0].idirs) == (driver, idirs)


def test_a_caret_continues_a_line_and_the_first_line_counts(read: Read) -> None:
    batch = read("rem x\r\ngams a.run ^\r\n  idir1=x ^\r\n  --A=1\r\n")
    assert batch.calls[0].source == "VTRUN.CMD line 2"
    assert one(batch)["parameters"] == [("--A", "1")]


@pytest.mark.parametrize("word", ["--RUN=a b", "-/RUN=x", "//RUN=x", "/-RUN=x"])
def test_all_four_double_dashes_are_variables(read: Read, word: str) -> None:
    batch = read(f'gams a.run "{word}"' if " " in word else f"gams a.run {word}")
    assert one(batch)["parameters"] == [("--RUN", word.split("=")[1])]


def test_options_may_stand_without_an_equals_sign(read: Read) -> None:
    batch = read("gams a.run o x.lst lo 2 -optcr 0.01 r ..\\_times")
    assert one(batch)["parameters"] == [("o", "x.lst"), ("lo", "2"), ("optcr", "0.01")]
    assert one(batch)["restart"] == "..\\_times"


def test_the_working_folder_is_followed(read: Read) -> None:
    batch = read("D:\r\ncd /d D:\\Veda\\wrk\\case\r\ncd ..\\other\r\ngams a.run", **{"wrk/Other/a.run": ""})
    assert batch.calls[0].folder.name == "Other"
    assert batch.warnings == []


def test_a_folder_that_is_not_there_is_said(read: Read) -> None:
    assert read("cd gone\r\ngams a.run").warnings == ["VTRUN.CMD line 1 goes to the folder 'gone', which is not here."]


def test_loops_are_not_followed_and_this_is_said(read: Read) -> None:
    batch = read("for %%f in (*.run) do gams %%f")
    assert batch.calls == []
    assert "loop" in batch.warnings[0]


def test_comments_labels_and_other_programs_start_nothing(read: Read) -> None:
    assert read("rem gams a.run\r\n:: gams b.run\r\n:gams\r\ngdx2veda x\r\necho gams c.run\r\n").calls == []


def test_several_lines_are_several_calls(read: Read) -> None:
    assert [call.driver for call in read("gams a.run\r\ngams b.run\r\n").calls] == ["a.run", "b.run"]


def test_a_parameter_file_is_read(read: Read) -> None:
    batch = read("gams a.run pf=gams.opt", **{"wrk/case/gams.opt": "* folders\nInputDir1   source\nidir2 = data\n"})
    assert one(batch)["idirs"] == ["source", "data"]


def test_the_environment_fills_in_variables(read: Read) -> None:
    assert read("gams a.run idir1=%times_src%", environ={"TIMES_SRC": "/opt/times"}).calls[0].idirs == ["/opt/times"]


def test_a_script_that_calls_itself_comes_to_an_end(read: Read) -> None:
    assert read("call vtrun.cmd\r\ngams a.run\r\n").calls[0].driver == "a.run"


def test_a_huge_file_is_no_command_file(read: Read) -> None:
    assert read(b"gams a.run\r\n" * 200_000).calls == []
