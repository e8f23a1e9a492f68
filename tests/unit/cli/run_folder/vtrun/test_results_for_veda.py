from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.cli.run_folder.conftest import RUN_DIRS
from times_doctor_cli.run_folder.run_dir import look
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import VedaResults


@pytest.fixture
def case(tmp_path: Path) -> Path:
    shutil.copytree(RUN_DIRS / "folder_per_case", tmp_path / "copy")
    return tmp_path / "copy" / "GAMS_WrkTIMES" / "Case_A"


def definition_of(case: Path) -> Path:
    return case.parent.parent / "GAMS_SrcTIMES.v0.1" / "times2veda.vdd"


def test_what_vtrun_cmd_makes_is_made(case: Path) -> None:
    assert look(case, environ={}).veda == VedaResults(name="case_a_1103", definition="source/times2veda.vdd")


def test_without_a_definition_here_a_warning_says_that_none_come(case: Path) -> None:
    definition_of(case).unlink()
    run = look(case, environ={})
    assert run.veda is None
    (warning,) = run.warnings
    assert warning.startswith("VTRUN.CMD line 6 makes results for VEDA by")
    assert warning.endswith("no .vd files come with the report.")


def test_a_definition_under_the_path_of_another_machine_is_that_of_the_times_source(case: Path) -> None:
    script = case / "VTRUN.CMD"
    elsewhere = script.read_text().replace("..\\..\\GAMS_SrcTIMES.v0.1\\times2veda", "C:\\Veda\\src\\times2veda")
    assert "C:\\Veda" in elsewhere
    script.write_text(elsewhere)
    assert look(case, environ={}).veda == VedaResults(name="case_a_1103", definition="source/times2veda.vdd")


def test_the_user_may_want_none(case: Path) -> None:
    run = look(case, environ={}, vd=False)
    assert run.veda is None
    assert not any(file.name.endswith(".vdd") for file in run.inputs)


def test_the_user_may_want_them_where_no_script_makes_them(case: Path) -> None:
    (case / "VTRUN.CMD").unlink()
    source = definition_of(case).parent
    run = look(case / "CASE_A.RUN", environ={}, times_src=source, vd=True)
    assert run.veda == VedaResults(name="case_a", definition="source/times2veda.vdd")


def test_what_the_user_wants_and_is_not_here_is_refused(case: Path) -> None:
    (case / "VTRUN.CMD").unlink()
    definition_of(case).unlink()
    with pytest.raises(UsageError, match=r"--vd makes results for VEDA by 'times2veda\.vdd'.*--times-src"):
        look(case / "CASE_A.RUN", environ={}, times_src=definition_of(case).parent, vd=True)


@pytest.mark.parametrize(("written", "name"), [("a:b", "a_b"), ("../up", "_up"), ("trastg-copy~0003_1103", None)])
def test_the_name_of_the_files_leads_nowhere(written: str, name: str | None, case: Path) -> None:
    script = case / "VTRUN.CMD"
    script.write_text(script.read_text().replace("case_a_1103", written))
    found = look(case, environ={}).veda
    assert found is not None
    assert found.name == (name or written)
